"""One open tab of a real server, asked as a browser asks: its session, and what it shows."""

import http.client
import time
from collections.abc import Callable
from contextlib import ExitStack
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

PATIENCE_S = 60.0  # on a busy machine
TOKEN = "_streamlit_xsrf"  # the cookie that a form must repeat


class Visitor:
    """Opens the first page; to be used in `with`."""

    def __init__(self, url: str, origin: str | None = None) -> None:
        """At a server's address, as a page of this origin; default: of the server itself."""
        self.url, self.origin = url, origin or url
        self.session = ""
        self.shown: list[Element] = []
        self._open = ExitStack()

    def __enter__(self) -> "Visitor":
        tab = connect(
            self.url.replace("http", "ws", 1) + "/_stcore/stream",
            origin=Origin(self.origin),
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
        )
        self.socket = self._open.enter_context(tab)
        self.ask()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def ask(self, **texts: str) -> None:
        """Draw the page again with texts typed into fields, by their keys; waits for its end."""
        request = BackMsg()
        request.rerun_script.query_string = ""
        for key, text in texts.items():
            field = self.find(lambda e, key=key: e.text_input.id.endswith(f"-{key}"))
            request.rerun_script.widget_states.widgets.add(
                id=field.text_input.id, string_value=text
            )
        self.socket.send(request.SerializeToString())
        self.shown, finished = [], False
        while not finished:
            message = ForwardMsg.FromString(self.socket.recv(PATIENCE_S))  # pyright: ignore[reportArgumentType]
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.session = message.new_session.initialize.session_id or self.session
                self.shown = []
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self.shown.append(message.delta.new_element)
            finished = kind == "script_finished" and message.script_finished == 0

    def find(self, wanted: Callable[[Element], bool]) -> Element:
        """The first element that is shown and wanted."""
        return next(element for element in self.shown if wanted(element))

    def upload(
        self, parts: int, *, part: bytes = b"x" * (1 << 20), session: str = "", **headers: str
    ) -> tuple[int, str, int]:
        """Send a file of so many parts, in pieces, until it is sent or refused.

        Returns:
            Status, the sentence, and how many parts the server took.
        """
        token = self._token()
        head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f.pt"\r\n\r\n'
        end = b"\r\n--b--\r\n"
        path = f"/_stcore/upload_file/{session or self.session}/file-{time.monotonic_ns()}"
        line = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE_S)
        line.putrequest("PUT", path)
        sent = {"Origin": self.url, "Content-Type": "multipart/form-data; boundary=b"}
        sent |= {"X-Xsrftoken": token, "Cookie": f"{TOKEN}={token}"}
        sent["Content-Length"] = str(len(head) + parts * len(part) + len(end))
        for name, value in (sent | {k.replace("_", "-"): v for k, v in headers.items()}).items():
            if value:
                line.putheader(name, value)
        line.endheaders()
        chunked = "Content_Length" in headers
        taken = _send(line, [head, *[part] * parts, end], chunked)
        answer = line.getresponse()
        return answer.status, answer.read().decode(), taken

    def _token(self) -> str:
        line = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE_S)
        line.request("GET", "/_stcore/health")
        cookies = line.getresponse().headers.get_all("set-cookie") or []
        return next(c.partition("=")[2].split(";")[0] for c in cookies if c.startswith(TOKEN))


def _send(line: http.client.HTTPConnection, pieces: list[bytes], chunked: bool) -> int:
    """How many pieces went out before the server hung up."""
    for count, piece in enumerate(pieces):
        framed = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
        try:
            line.send(framed)
        except OSError:
            return count
    if chunked:
        line.send(b"0\r\n\r\n")
    return len(pieces)
