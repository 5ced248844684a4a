"""The guard decides who is answered at all, before any of Streamlit sees the request.

Another site's page must not reach this server: neither under a name of its own (see hosts.py) nor
as a page that asks on behalf of whoever reads it. And a server that was told neither names nor a
password answers nobody but this machine, whatever it was started by.
"""

import os

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.shared.door import open_door
from pages.shared.hosts import allowed_hosts, host_and_port, is_own_origin


class Guard:
    """ASGI middleware: 403 with a sentence, or on to the app; no framing by other sites."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.hosts = allowed_hosts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif not (sentence := self._refusal(scope)):
            await self.app(_settled(scope), receive, _unframed(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        else:
            await PlainTextResponse(sentence, 403)(scope, receive, send)

    def _refusal(self, scope: Scope) -> str:
        """Why a request is not answered; "" where it is."""
        headers = Headers(scope=scope)
        host, origins = headers.get("host", ""), headers.getlist("origin")
        if host_and_port(host)[0] not in self.hosts:
            return "This host name is not served; add it to FLATDIFF_ALLOWED_HOSTS."
        if missing := open_door(_arrived_at(scope), os.environ):
            return missing
        # What is only read cannot be read by other sites: no answer here allows it them.
        if scope["type"] == "http" and scope["method"] == "GET":
            return ""
        if all(is_own_origin(origin, host, self.hosts) for origin in origins):
            return ""
        return "This comes from a page of another site; only this server's own pages may ask."


def _arrived_at(scope: Scope) -> str:
    """The address of ours that a request came to; a socket that is a file is local."""
    address, port = scope.get("server") or ("", None)
    return "127.0.0.1" if port is None else address


def _settled(scope: Scope) -> Scope:
    """With the site that Streamlit expects, as ours is decided.

    Streamlit compares it once more, letter by letter; where a letter differs, it asks a service on
    the internet for this machine's address, and everybody waits meanwhile.
    """
    headers = MutableHeaders(raw=list(scope["headers"]))
    if scope["type"] == "websocket" and "origin" in headers:
        scheme = headers["origin"].partition(":")[0].lower()
        headers["origin"] = f"{scheme}://{headers['host']}"
    return {**scope, "headers": headers.raw}


def _unframed(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", []), (b"x-frame-options", b"SAMEORIGIN")]
            message = {**message, "headers": headers}
        await send(message)

    return guarded
