"""An upload is a file that a browser sends and that lies in memory until a page has read it.

What may arrive is decided here, where the bytes do: a page that asks for a file hears of it only
when all of it lies in memory, and a client need not be a page at all. Streamlit keeps the files of
a closed tab until somebody else's tab happens to displace it; here they go a moment after it.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime import Runtime, get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from flatdiff.conversion.importer import MAX_UPLOAD_BYTES
from flatdiff.errors import FlatdiffError
from flatdiff.system.access import Action, require_right
from pages.shared.door import forget_all_but, is_let_in

MAX_HELD_BYTES = 1 << 30  # of all sessions together, arriving ones with them
FORM_BYTES = 64 << 10  # that a form may put around its file
GONE_FOR_S = 20.0  # a tab that lost its connection may come back until then
_ADDRESS = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)$")


@dataclass
class _Arrival:
    """An upload that is under way."""

    receive: Receive
    send: Send
    take: Callable[[int, int], None]  # is told the new bytes and all so far, and may raise
    size: int = 0  # bytes so far
    status: int = 0  # that it was answered with; 0: not yet

    async def counted(self) -> Message:
        """Some more of it."""
        message = await self.receive()
        new = len(message.get("body", b""))
        self.size += new
        self.take(new, self.size)
        return message

    async def noted(self, message: Message) -> None:
        """A part of the answer."""
        self.status = message.get("status", self.status)
        await self.send(message)


class UploadGuard:
    """ASGI middleware around Streamlit's upload endpoint: who, how much, and for how long."""

    def __init__(self, app: ASGIApp, runtime: Callable[[], Runtime] = get_instance) -> None:
        self.app = app
        self._runtime = runtime
        self._arriving = 0  # bytes of uploads that are under way
        self._gone: dict[str, float] = {}  # sessions without a connection, and since when

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; an upload only as far as it is welcome."""
        if scope.get("method") == "PUT":
            answer = self._upload
        elif scope["type"] == "websocket":
            answer = self.app
        else:
            await self.app(scope, receive, send)
            return
        try:
            await answer(scope, receive, send)
        finally:
            self._give_back_soon()

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streamlit takes nothing but uploads by PUT, so whatever else comes so is refused."""
        found = _ADDRESS.search(scope["path"])
        session, file = found.groups() if found else ("", "")
        try:
            self._require_welcome(session)
            self._require_room(_announced(scope))
        except HTTPException as error:
            await PlainTextResponse(error.detail, error.status_code)(scope, receive, send)
            return
        arrival = _Arrival(receive, send, self._take)
        try:
            await self.app(scope, arrival.counted, arrival.noted)
        finally:
            self._arriving -= arrival.size
        if arrival.status == 204:
            self._keep_only(session, file)

    def _take(self, new: int, size: int) -> None:
        """Count what has arrived of an upload, or raise in the middle of it; both in bytes."""
        self._arriving += new
        self._require_room(size, arrived=True)

    def _require_welcome(self, session: str) -> None:
        """Raise unless a tab that is open, has been let in and may add something sends it."""
        if not (self._runtime().is_active_session(session) and is_let_in(session)):
            raise HTTPException(
                403, "This tab is not known here, or has not given the password: reload the page."
            )
        try:
            require_right(Action.ADD)
        except FlatdiffError as error:
            raise HTTPException(403, str(error)) from None

    def _require_room(self, size: int, *, arrived: bool = False) -> None:
        """Raise where an upload is too large by itself, or with all others.

        Args:
            size: of it, in bytes, as far as is known.
            arrived: whether these are among those that are counted already.
        """
        if size > MAX_UPLOAD_BYTES + FORM_BYTES:
            raise HTTPException(
                413, f"A file may have {MAX_UPLOAD_BYTES >> 20} MB; `flatdiff import` takes more."
            )
        if self._held() + self._arriving + (0 if arrived else size) > MAX_HELD_BYTES:
            raise HTTPException(
                507,
                f"All uploads together may have {MAX_HELD_BYTES >> 20} MB at a time, and others "
                "are being read: try again in a minute, or use `flatdiff import`.",
            )

    def _held(self) -> int:
        """Bytes of uploads that lie in memory."""
        # Copies, as pages give files back in threads of their own.
        sessions = list(self._files().file_storage.values())
        return sum(len(file.data) for files in sessions for file in list(files.values()))

    def _files(self) -> MemoryUploadedFileManager:
        return cast("MemoryUploadedFileManager", self._runtime().uploaded_file_mgr)

    def _keep_only(self, session: str, file: str) -> None:
        """A page takes one file at a time, so a new one takes the place of the one before."""
        for other in set(self._files().file_storage.get(session, ())) - {file}:
            self._files().remove_file(session, other)

    def _give_back_soon(self) -> None:
        """Look now who is gone, and again when that is long enough."""
        self.give_back(time.monotonic())
        loop = asyncio.get_running_loop()
        loop.call_later(GONE_FOR_S + 0.1, lambda: self.give_back(time.monotonic()))

    def give_back(self, now: float) -> None:
        """End the sessions that hold files and have been without a connection for long enough.

        Args:
            now: seconds of a clock that only goes forward.
        """
        is_open = self._runtime().is_active_session
        forget_all_but(is_open)
        gone = _without(is_open, self._files().file_storage)
        self._gone = {session: self._gone.get(session, now) for session in gone}
        for session, since in self._gone.items():
            if now - since >= GONE_FOR_S:
                # What a page has read of the file lies in the session, too, and goes with it.
                self._runtime().close_session(session)
                self._files().remove_session_files(session)  # it may have been forgotten before


def _without(is_open: Callable[[str], bool], sessions: Iterable[str]) -> list[str]:
    return [session for session in list(sessions) if not is_open(session)]


def _announced(scope: Scope) -> int:
    """Bytes that a request says it has; 0 where it does not say, or nonsense."""
    said = Headers(scope=scope).get("content-length", "")
    return int(said) if said.isdecimal() and len(said) < 20 else 0
