"""The private cluster lets nobody in: neither another user of the machine nor another program."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from cryptography import x509
from dask import config

from flatdiff.engine.cluster import Cluster
from flatdiff.engine.private.credentials import temporary_credentials
from flatdiff.engine.private.start import _SchedulerProcess
from tests.machines import Machines, until
from tests.processes import children_of, is_worker, nannies_of, schedulers_of
from tests.tiny import TESTS

NOBODY = 65534  # a user that no process of a test belongs to

# What an intruder does: says who he is, or nothing, and asks for the simplest thing there is. He
# sends whatever a server answers; without an answer he was refused.
INTRUDER = """
import asyncio, json, os, sys
from distributed import Security
from distributed.comm import connect, listen
order = json.loads(sys.argv[1])
security = Security(**order["security"])

async def ask(address):
    arguments = security.get_connection_args("client") if order["security"] else {}
    try:
        comm = await connect(address, timeout=5, **arguments)
        await comm.write({"op": "identity", "reply": True})
        return (await asyncio.wait_for(comm.read(), 5))["type"]
    except Exception:
        return "refused"

async def ask_all():
    return await asyncio.gather(*(ask(address) for address in order["addresses"]))

async def rehearse():
    # Loads what is loaded late, while this program's own files can still be read.
    async def answer(comm):
        await comm.write(await comm.read())

    async with listen("tcp://127.0.0.1:0", answer) as listener:
        comm = await connect(listener.contact_address)
        await comm.write({"op": "identity", "reply": True, "type": "Scheduler"})
        await comm.read()
        await comm.close()

asyncio.run(rehearse())
if order["user"] is not None:
    os.setuid(order["user"])
print(*asyncio.run(ask_all()))
"""


@pytest.fixture(scope="module")
def processes() -> Iterator[list[psutil.Process]]:
    """Of a private cluster of one worker: scheduler, nanny and worker among them."""
    others = set(psutil.Process().children(recursive=True))  # of other tests: browsers, servers
    cluster = Cluster(num_workers=1)
    assert cluster.client().submit(abs, -3).result(timeout=60) == 3
    found = psutil.Process().children(recursive=True)
    yield [process for process in found if process not in others]
    cluster.close()


def ports_of(processes: list[psutil.Process]) -> list[int]:
    """Where they listen, on this machine alone."""
    found = [c.laddr for p in processes for c in p.net_connections() if c.status == "LISTEN"]
    assert {address.ip for address in found} == {"127.0.0.1"}
    return [address.port for address in found]


def intrude(addresses: list[str], security: dict, user: int | None) -> list[str]:
    """What an intruder gets from each address."""
    order = {"addresses": addresses, "security": security, "user": user}
    done = subprocess.run(
        [sys.executable, "-c", INTRUDER, json.dumps(order)],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


USERS = [
    pytest.param(None, id="same user"),
    pytest.param(
        NOBODY,
        id="another user",
        marks=pytest.mark.skipif(
            os.name != "posix" or os.geteuid() != 0,
            reason="NOT TESTED: only root can become another user",
        ),
    ),
]


@pytest.mark.parametrize("user", USERS)
def test_intruders_are_refused_by_every_port(
    processes: list[psutil.Process], user: int | None
) -> None:
    """In the clear, and with credentials of his own making."""
    ports = ports_of(processes)
    assert len(ports) == 3, "scheduler, nanny and worker, and no web page of any of them"
    for scheme, security in (("tcp", {}), ("tls", temporary_credentials())):
        addresses = [f"{scheme}://127.0.0.1:{port}" for port in ports]
        assert intrude(addresses, security, user) == ["refused"] * 3


@pytest.fixture(scope="module")
def open_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a scheduler without credentials."""
    with closing(Machines(tmp_path_factory.mktemp("open"))) as machines:
        yield machines.address


@pytest.mark.parametrize("user", USERS)
def test_the_intruder_gets_in_where_nobody_asks(open_address: str, user: int | None) -> None:
    """Else the test above would show nothing: whoever asks for no credentials answers him."""
    assert intrude([open_address], {}, user) == ["Scheduler"]


def test_the_key_is_nowhere_where_others_could_read_it(processes: list[psutil.Process]) -> None:
    """Command lines are everybody's, environments are inherited; Dask's scratch folder is ours."""
    for process in processes:
        seen = " ".join(process.cmdline()) + " ".join(process.environ().values())
        assert "PRIVATE KEY" not in seen
        scratch = Path(process.environ()["DASK_TEMPORARY_DIRECTORY"])
        assert scratch.stat().st_mode & 0o777 == 0o700


def test_a_worker_that_is_lost_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    """Killed with its nanny, which nobody else would start again; then as it starts."""
    others = set(nannies_of(psutil.Process()))  # of the module's own cluster
    cluster = Cluster(num_workers=1)
    client = cluster.client()
    try:
        (keeper,) = set(nannies_of(psutil.Process())) - others
        keeper.kill()
        known = {*others, keeper}
        until(lambda: bool(new := workers_but_of(known)) and kill(new[0]), "the next one")
        assert client.submit(abs, -3, pure=False).result(timeout=60) == 3
    finally:
        cluster.close()
    assert "Traceback" not in capfd.readouterr().err


def test_a_scheduler_that_is_stopped_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its connections and answers nothing: jobs waited for ever, and so did Ctrl-C."""
    monkeypatch.setattr("flatdiff.engine.cluster.SILENT_AFTER_S", 1.0)
    monkeypatch.setattr("flatdiff.engine.cluster.COUNT_EVERY_S", 0.1)
    cluster = Cluster(num_workers=1)
    silent = cluster.client()
    try:
        first = newest_scheduler()
        first.suspend()
        until(lambda: silent.status != "running", "the end of the connection")
        assert cluster.client().submit(abs, -3).result(timeout=60) == 3
        second = newest_scheduler()
        second.suspend()
    finally:
        cluster.close()
    assert not psutil.wait_procs([first, second], timeout=0)[1]


def newest_scheduler() -> psutil.Process:
    """Of this process; it lies behind the module's own."""
    return max(schedulers_of(psutil.Process()), key=psutil.Process.create_time)


def workers_but_of(known: set[psutil.Process]) -> list[psutil.Process]:
    """Workers of other nannies than these."""
    new = [nanny for nanny in nannies_of(psutil.Process()) if nanny not in known]
    return [child for nanny in new for child in children_of(nanny) if is_worker(child)]


def kill(process: psutil.Process) -> bool:
    """At once."""
    process.kill()
    return True


def test_every_start_has_a_key_of_its_own() -> None:
    """One that is known from an earlier start opens nothing."""
    first, second = (temporary_credentials()["tls_client_key"] for _ in range(2))
    assert first != second


def test_no_clock_that_is_set_wrong_refuses_a_certificate() -> None:
    """A machine without a battery begins in 1970: "TLS certificate does not match" came then."""
    text = str(temporary_credentials()["tls_ca_file"])
    certificate = x509.load_pem_x509_certificate(text.encode())
    assert certificate.not_valid_before_utc.year < 1970
    assert certificate.not_valid_after_utc.year > 2900


def certificates_in(folder: Path) -> dict[str, str]:
    """Files of a certificate and its key, and the settings that name them to Dask."""
    credentials, files, named = temporary_credentials(), {}, {}
    for kind in ("ca_file", "client_cert", "client_key"):
        files[kind] = folder / f"{kind}.pem"
        files[kind].write_text(str(credentials[f"tls_{kind}"]))
    named["CA_FILE"] = files["ca_file"]
    for role, kind in itertools.product(("client", "scheduler", "worker"), ("cert", "key")):
        named[f"{role}__{kind}".upper()] = files[f"client_{kind}"]
    return {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(path) for name, path in named.items()}


def test_users_certificates_reach_client_and_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tls://` with Dask's own settings: the worker comes, and an intruder is refused."""
    named = certificates_in(tmp_path)
    for name, value in named.items():
        monkeypatch.setenv(name, value)  # of other programs
    with config.set(as_settings(named)), closing(made_with_tls(tmp_path)) as machines:
        machines.add()
        until(lambda: machines.number == 1, "a worker")
        cluster = Cluster(machines.address)
        assert cluster.client().submit(abs, -3).result(timeout=60) == 3
        worker = next(iter(cluster.client().scheduler_info(n_workers=-1)["workers"]))
        assert worker.startswith("tls://")
        stranger = temporary_credentials()
        assert intrude([machines.address, worker], stranger, None) == ["refused"] * 2
        cluster.close()


def as_settings(named: dict[str, str]) -> dict[str, str]:
    """What Dask makes of these variables when it begins."""
    return {
        name.removeprefix("DASK_").lower().replace("__", "."): path for name, path in named.items()
    }


def made_with_tls(folder: Path) -> Machines:
    """A scheduler that shows Dask's certificates."""
    return Machines(folder / "machines", scheme="tls")


def test_what_is_closed_as_it_starts_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at that moment; the process went on, and asyncio complained as the program ended."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path))
    create, created = subprocess.Popen, []

    def recorded(*command: Any, **options: Any) -> Any:
        created.append(create(*command, **options))
        return created[-1]

    async def close_as_it_starts() -> None:
        process = _SchedulerProcess({})
        starting = asyncio.ensure_future(process)
        await asyncio.sleep(0)
        await process.close()
        with pytest.raises(asyncio.CancelledError):
            await starting

    monkeypatch.setattr(subprocess, "Popen", recorded)
    with ThreadPoolExecutor() as thread:  # a browser's loop may run in this one
        thread.submit(lambda: asyncio.run(close_as_it_starts())).result()
    assert [process.returncode for process in created] == [-signal.SIGKILL]
