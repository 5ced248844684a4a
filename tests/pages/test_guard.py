"""The guard, asked directly: host names, origins, and the address a request came to."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from streamlit import net_util
from streamlit.web.server.starlette import starlette_websocket

from flatdiff.system.access import PASSWORD
from pages.shared.guard import Guard

REFUSED = {"type": "websocket.close", "code": 1008, "reason": ""}
HERE = ("127.0.0.1", 8501)


def exchange(kind: str = "http", **request: Any) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """What the guard sends for one request, and the headers that the app behind it is given.

    The app says 200. Headers are keywords; `method` and `server` are the request's own.
    """
    sent: list[dict[str, Any]] = []
    passed: dict[str, str] = {}

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        passed.update((name.decode(), value.decode()) for name, value in scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {"type": kind, "method": request.pop("method", "GET"), "path": "/"}
    scope["server"] = request.pop("server", HERE)
    scope["headers"] = [(name.encode(), value.encode()) for name, value in request.items()]
    with ThreadPoolExecutor(1) as thread:  # a thread of its own has no event loop yet
        thread.submit(lambda: asyncio.run(Guard(app)(scope, receive, send))).result()
    return sent, passed


def answer(kind: str = "http", **request: Any) -> dict[str, Any]:
    """The first message of `exchange`."""
    return exchange(kind, **request)[0][0]


@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "127.0.0.1:80", "[::1]:8501"])
def test_own_names_pass(host: str) -> None:
    """The status comes from the app behind the guard."""
    start = answer(host=host)
    assert start["status"] == 200
    assert (b"x-frame-options", b"SAMEORIGIN") in start["headers"]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "", "127.0.0.1.x", "a@localhost", "localhost:8x"],
)
def test_foreign_names_are_refused(host: str) -> None:
    """The app behind would answer 200, so a 403 is the guard's."""
    assert answer(host=host)["status"] == 403
    assert answer("websocket", host=host) == REFUSED


def test_named_hosts_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what the environment names is added."""
    monkeypatch.setenv("FLATDIFF_ALLOWED_HOSTS", "class.example, other.example")
    assert answer(host="class.example:8501")["status"] == 200
    assert answer(host="third.example")["status"] == 403


# Host, Origin, and whether they are one site; class.example is a named host.
ORIGINS = [
    ("localhost:8501", "http://localhost:8501", True),
    ("LocalHost:8501", "http://localhost:8501", True),
    ("localhost", "http://localhost:80", True),
    ("localhost:443", "https://localhost", True),
    ("[::1]:8501", "http://[::1]:8501", True),
    ("class.example", "https://class.example", True),
    ("class.example:8443", "https://class.example:8443", True),
    ("127.0.0.1:8501", "https://class.example", True),  # a proxy that ends TLS
    ("localhost:8501", "http://localhost:3000", False),
    ("localhost:8501", "http://localhost", False),
    ("localhost:8501", "http://127.0.0.1:8501", False),
    ("localhost:8501", "http://evil.example", False),
    ("localhost:8501", "http://evil.example:8501", False),
    ("localhost:8501", "http://localhost:8501@evil.example", False),
    ("localhost:8501", "http://localhost:8501.evil.example", False),
    ("localhost:8501", "null", False),
    ("localhost:8501", "", False),
    ("localhost:8501", "ftp://localhost:8501", False),
    ("localhost:8501", "http://localhost:8501/", False),
    ("localhost", "http://localhost:99999", False),
    ("class.example", "https://class.example:8443", False),
    ("class.example:8501", "http://class.example", False),  # somebody's page beside it
    ("127.0.0.1:8501", "http://class.example", False),
    ("127.0.0.1:8501", "https://class.example:3000", False),
    ("127.0.0.1:8501", "https://localhost", False),
]


@pytest.mark.parametrize(("host", "origin", "own"), ORIGINS)
def test_only_own_pages_may_ask(
    monkeypatch: pytest.MonkeyPatch, host: str, origin: str, own: bool
) -> None:
    """Over WebSocket, and by every method that is not GET; the app behind would say 200."""
    monkeypatch.setenv("FLATDIFF_ALLOWED_HOSTS", "class.example")
    assert (answer("websocket", host=host, origin=origin) != REFUSED) == own
    for method in ("PUT", "POST", "DELETE", "OPTIONS", "HEAD"):
        status = answer(host=host, origin=origin, method=method)["status"]
        assert status == (200 if own else 403)
    assert answer(host=host, origin=origin)["status"] == 200, "reading is left to the browser"
    assert answer("websocket", host=host)["status"] == 200, "no browser, no origin"


@pytest.mark.parametrize(("host", "origin"), [row[:2] for row in ORIGINS if row[2]])
def test_streamlit_never_asks_the_internet_who_it_is(
    monkeypatch: pytest.MonkeyPatch, host: str, origin: str
) -> None:
    """Its own check of what the guard lets through; any look-up of an address would raise."""

    def asked() -> str:
        raise AssertionError("a service on the internet was asked")

    monkeypatch.setenv("FLATDIFF_ALLOWED_HOSTS", "class.example")
    monkeypatch.setattr(net_util, "get_external_ip", asked)
    monkeypatch.setattr(net_util, "get_internal_ip", asked)
    _, passed = exchange("websocket", host=host, origin=origin)
    assert starlette_websocket._is_origin_allowed(passed["origin"], passed["host"])


@pytest.mark.parametrize(
    ("server", "told", "served"),
    [
        (HERE, False, True),
        (("::ffff:127.0.0.1", 8501), False, True),
        (("/run/flatdiff.sock", None), False, True),
        (None, False, True),
        (("192.168.0.7", 8501), False, False),
        (("192.168.0.7", 8501), True, True),
        (("172.17.0.2", 80), False, False),
    ],
)
def test_the_door_is_where_requests_arrive(
    monkeypatch: pytest.MonkeyPatch, server: Any, told: bool, served: bool
) -> None:
    """Whatever started the server: who comes from outside is refused with what is to be set."""
    if told:
        monkeypatch.setenv("FLATDIFF_ALLOWED_HOSTS", "desk.local")
        monkeypatch.setenv(PASSWORD, "flat")
    messages, _ = exchange(host="localhost:8501", server=server)
    assert messages[0]["status"] == (200 if served else 403)
    assert served or PASSWORD.encode() in messages[1]["body"]
    assert (answer("websocket", host="localhost:8501", server=server) != REFUSED) == served
