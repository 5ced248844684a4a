"""Downloads from a server of the test, which breaks off, lies, or speaks something else."""

import hashlib
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from flatdiff.errors import DataError
from flatdiff.system.download import Published, fetch
from flatdiff.system.locks import take

CONTENT = bytes(range(256)) * 40
FILE = Published(
    what="Something",
    url="",
    num_bytes=len(CONTENT),
    algorithm="sha256",
    digest=hashlib.sha256(CONTENT).hexdigest(),
)


class Server(BaseHTTPRequestHandler):
    """Breaks off after so many bytes; knows ranges, or not."""

    breaks_at, knows_ranges, served = len(CONTENT), True, CONTENT
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        """One answer."""
        wanted = self.headers["Range"]
        self.asked.append(wanted)
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if self.knows_ranges else 0
        self.send_response(206 if self.knows_ranges else 200)
        self.send_header("Content-Length", str(len(self.served) - first))
        self.end_headers()
        self.wfile.write(self.served[first : self.breaks_at])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing is said."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Server]]:
    """On this machine, at a free port."""
    monkeypatch.setattr(Server, "asked", [])
    httpd = HTTPServer(("127.0.0.1", 0), Server)
    Thread(target=httpd.serve_forever, daemon=True).start()
    monkeypatch.setitem(vars(FILE), "url", f"http://127.0.0.1:{httpd.server_port}/file")
    yield Server
    httpd.shutdown()
    httpd.server_close()


def names(folder: Path) -> list[str]:
    """Of what is in it, sorted."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_broken_download_goes_on(
    knows_ranges: bool, server: type[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the byte at which it broke off, where the server can; the whole file either way."""
    target = tmp_path / "file"
    monkeypatch.setattr(server, "knows_ranges", knows_ranges)
    with monkeypatch.context() as patch:
        patch.setattr(server, "breaks_at", 1000)
        with pytest.raises(DataError, match=r"Something .* the same command goes on"):
            fetch(FILE, target)
    assert names(tmp_path) == ["file.lock", "file.part"]
    fetch(FILE, target)
    assert server.asked == ["bytes=0-", "bytes=1000-"]
    assert target.read_bytes() == CONTENT
    assert names(tmp_path) == ["file", "file.lock"]
    fetch(FILE, target)
    assert len(server.asked) == 2, "what is there is not fetched"


@pytest.mark.parametrize(
    "served", [CONTENT[:-1] + b"x", CONTENT + b"more", b"<html>"], ids=["bit", "longer", "page"]
)
def test_another_file_is_not_kept(
    served: bytes, server: type[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest decides; what was there stays."""
    monkeypatch.setattr(server, "served", served)
    monkeypatch.setattr(server, "breaks_at", len(served))
    target = tmp_path / "file"
    target.write_bytes(b"before")
    with pytest.raises(DataError, match=f"is not Something's published file.*{tmp_path}"):
        fetch(FILE, target)
    assert target.read_bytes() == b"before"
    assert names(tmp_path) == ["file", "file.lock"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n64\r\nabc",
        b"\x16\x03nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhello",
        b"",
    ],
    ids=["cut chunk", "another protocol", "no number", "nothing"],
)
def test_what_is_not_http_is_refused_in_a_sentence(
    answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy, a captive portal, or another program at that port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        monkeypatch.setitem(vars(FILE), "url", f"http://127.0.0.1:{port}/file")
        Thread(target=answer_once, args=(listening, answer), daemon=True).start()
        with pytest.raises(DataError, match=r"could not be downloaded: .*; without a network"):
            fetch(FILE, tmp_path / "file")
    assert "file" not in names(tmp_path)


def answer_once(listening: socket.socket, answer: bytes) -> None:
    """Whatever is asked."""
    connection, _ = listening.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(answer)


def test_second_download_at_once_is_refused(server: type[Server], tmp_path: Path) -> None:
    """Both would append to one file; the first is known by its lock."""
    lock = take(tmp_path / "file.lock")
    assert lock is not None
    with lock, pytest.raises(DataError, match="Something is being downloaded already"):
        fetch(FILE, tmp_path / "file")
    assert not server.asked
    fetch(FILE, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
