"""The guard answers only to names it was told: another site's page must not reach this server.

A browser that is tricked into resolving a foreign name to 127.0.0.1 (DNS rebinding) still sends
that name as the Host header, over HTTP and WebSocket alike.
"""

import os
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def allowed_hosts(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """This machine's own names and those in $FLATDIFF_ALLOWED_HOSTS (comma-separated)."""
    named = environment.get("FLATDIFF_ALLOWED_HOSTS", "").split(",")
    return LOCAL_HOSTS | {name.strip().lower() for name in named if name.strip()}


def host_name(header: str) -> str:
    """A Host header without its port.

    >>> host_name("localhost:8501"), host_name("[::1]:8501")
    ('localhost', '::1')
    """
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


class HostGuard:
    """ASGI middleware: 403 under a foreign host name, no framing by other sites."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.hosts = allowed_hosts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif host_name(Headers(scope=scope).get("host", "")) in self.hosts:
            await self.app(scope, receive, _unframed(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            refusal = PlainTextResponse(
                "This host name is not served; add it to FLATDIFF_ALLOWED_HOSTS.", 403
            )
            await refusal(scope, receive, send)


def _unframed(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", []), (b"x-frame-options", b"SAMEORIGIN")]
            message = {**message, "headers": headers}
        await send(message)

    return guarded
