"""The upload endpoint, asked directly: who may send, how much, and when it is given back."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from flatdiff.conversion.importer import MAX_UPLOAD_BYTES
from flatdiff.system.access import PASSWORD
from pages.shared import door, uploads
from pages.shared.uploads import GONE_FOR_S, MAX_HELD_BYTES, UploadGuard

ADDRESS = "/_stcore/upload_file/{}/file"


class FakeRuntime:
    """Some open tabs, and Streamlit's own store of files."""

    def __init__(self) -> None:
        self.open = {"mine", "other"}
        self.closed: list[str] = []
        self.uploaded_file_mgr = MemoryUploadedFileManager("")

    def is_active_session(self, session: str) -> bool:
        """As Streamlit's."""
        return session in self.open

    def close_session(self, session: str) -> None:
        """Only noted: giving files back must not depend on it."""
        self.closed.append(session)

    def hold(self, session: str, size: int, file: str = "old") -> None:
        """As if a file of so many bytes had been sent; a size costs no memory here."""
        record = UploadedFileRec(file, "x.pt", "", Sized(size))
        self.uploaded_file_mgr.add_file(session, record)


class Sized(bytes):
    """No bytes that say they are many."""

    size: int

    def __new__(cls, size: int) -> "Sized":  # noqa: D102  (how bytes are made)
        made = super().__new__(cls)
        made.size = size
        return made

    def __len__(self) -> int:
        return self.size


@pytest.fixture
def runtime() -> Iterator[FakeRuntime]:
    """Nobody has given a password."""
    door._let_in.clear()
    yield FakeRuntime()
    door._let_in.clear()


def put(
    guard_of: FakeRuntime, *parts: int, session: str = "mine", announced: str = "", base: str = ""
) -> tuple[int, str, int]:
    """Status, text, and how many parts of the body were asked for; the app behind reads all."""
    left = [{"type": "http.request", "body": Sized(n), "more_body": True} for n in parts]
    sent: list[dict[str, Any]] = []
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return left.pop(0)

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            size = sum([len((await receive())["body"]) for _ in parts])
        except uploads.HTTPException as error:  # as Starlette's own layer answers it
            await uploads.PlainTextResponse(error.detail, error.status_code)(scope, receive, send)
            return
        guard_of.hold(session, size, "file")
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    headers = [(b"content-length", announced.encode())] if announced else []
    path = base + ADDRESS.format(session)
    scope = {"type": "http", "method": "PUT", "path": path, "headers": headers}
    guard: Any = UploadGuard(app, lambda: guard_of)  # pyright: ignore[reportArgumentType]
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(guard(scope, receive, send))).result()
    assert guard._arriving == 0, "what is over is not counted any more"
    return sent[0]["status"], sent[1]["body"].decode(), read


def held(runtime: FakeRuntime) -> dict[str, set[str]]:
    """Files in memory by session."""
    storage = runtime.uploaded_file_mgr.file_storage
    return {session: set(files) for session, files in storage.items() if files}


def test_without_the_password_nothing_is_read(
    runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor of a tab that is closed, nor at an address that is none; with it, one may send."""
    assert put(runtime, 100)[0] == 204
    monkeypatch.setenv(PASSWORD, "flat")
    status, text, read = put(runtime, 100)
    assert (status, read) == (403, 0)
    assert "password" in text
    door._let_in.add("mine")
    assert put(runtime, 100)[0] == 204
    assert put(runtime, 100, base="/class/flatdiff")[0] == 204
    for session in ("other", "closed", "", "mine/mine"):
        assert put(runtime, 100, session=session)[::2] == (403, 0)


def test_a_guest_sends_nothing(runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not add a checkpoint has nothing to send."""
    monkeypatch.setenv("FLATDIFF_READ_ONLY", "1")
    status, text, read = put(runtime, 100)
    assert (status, read) == (403, 0)
    assert "read-only" in text


def test_too_large_a_file_is_stopped(runtime: FakeRuntime) -> None:
    """Before it begins where it says so, else in the middle; one that just fits arrives."""
    half, little = MAX_UPLOAD_BYTES // 2, 1 << 20
    assert put(runtime, half, half)[0] == 204
    assert put(runtime, half, announced=str(MAX_UPLOAD_BYTES + little))[::2] == (413, 0)
    for lie in ("", "100", "no number", "9" * 5000):
        status, text, read = put(runtime, half, half, little, little, announced=lie)
        assert (status, read) == (413, 3)
        assert "200 MB" in text


def test_all_uploads_together_are_bounded(runtime: FakeRuntime) -> None:
    """What others have sent counts; what they give back no longer does."""
    room = 50 << 20
    runtime.hold("other", MAX_HELD_BYTES - room)
    status, text, read = put(runtime, room, announced=str(room + 1))
    assert (status, read) == (507, 0)
    assert "try again in a minute" in text
    assert put(runtime, room, 1, 1)[::2] == (507, 2)
    assert put(runtime, room)[0] == 204
    runtime.uploaded_file_mgr.remove_session_files("other")
    assert put(runtime, room, 1)[0] == 204


def test_a_tab_holds_one_file(runtime: FakeRuntime) -> None:
    """The last; that of another tab stays."""
    runtime.hold("mine", 5, "first")
    runtime.hold("other", 5, "theirs")
    assert put(runtime, 5)[0] == 204
    assert held(runtime) == {"mine": {"file"}, "other": {"theirs"}}


def test_a_closed_tab_gives_its_file_back(runtime: FakeRuntime) -> None:
    """After a while in which it may come back; by a clock of this test."""
    guard = UploadGuard(lambda: None, lambda: runtime)  # pyright: ignore[reportArgumentType]
    runtime.hold("mine", 5)
    runtime.hold("other", 5)
    door._let_in.update(("mine", "other"))
    runtime.open.remove("mine")
    guard.give_back(100.0)
    guard.give_back(100.0 + GONE_FOR_S / 2)
    assert set(held(runtime)) == {"mine", "other"}
    runtime.open.add("mine")  # it came back, and went once more
    guard.give_back(100.0 + GONE_FOR_S)
    runtime.open.remove("mine")
    guard.give_back(101.0 + GONE_FOR_S)
    guard.give_back(100.0 + 2 * GONE_FOR_S)
    assert set(held(runtime)) == {"mine", "other"}
    guard.give_back(101.0 + 2 * GONE_FOR_S)
    assert set(held(runtime)) == {"other"}
    assert runtime.closed == ["mine"]
    assert door._let_in == {"other"}
