"""The host guard, asked directly."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pages.shared.guard import HostGuard


def answer(host: str, kind: str = "http") -> list[dict[str, Any]]:
    """What the guard sends for one request under a host name; the app behind it says 200."""
    sent: list[dict[str, Any]] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {"type": kind, "headers": [(b"host", host.encode())], "method": "GET", "path": "/"}
    with ThreadPoolExecutor(1) as thread:  # a thread of its own has no event loop yet
        thread.submit(lambda: asyncio.run(HostGuard(app)(scope, receive, send))).result()
    return sent


@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "127.0.0.1:80", "[::1]:8501"])
def test_own_names_pass(host: str) -> None:
    """The status comes from the app behind the guard."""
    start = answer(host)[0]
    assert start["status"] == 200
    assert (b"x-frame-options", b"SAMEORIGIN") in start["headers"]


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.x"])
def test_foreign_names_are_refused(host: str) -> None:
    """The app behind would answer 200, so a 403 is the guard's."""
    assert answer(host)[0]["status"] == 403
    assert answer(host, "websocket")[0] == {"type": "websocket.close", "code": 1008}


def test_named_hosts_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what the environment names is added."""
    monkeypatch.setenv("FLATDIFF_ALLOWED_HOSTS", "class.example, other.example")
    assert answer("class.example:8501")[0]["status"] == 200
    assert answer("third.example")[0]["status"] == 403
