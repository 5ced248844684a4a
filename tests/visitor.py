"""One open tab of a real server, asked as a browser asks: its session, and what it shows."""

import http.client
import select
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import NamedTuple
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

PATIENCE_S = 60.0  # on a busy machine
PART = b"x" * (1 << 20)
TOKEN = "_streamlit_xsrf"  # the cookie that a form must repeat


class Answer(NamedTuple):
    """To an upload."""

    status: int
    sentence: str
    taken: int  # pieces that went out before the server answered


class Visitor:
    """Opens the first page; to be used in `with`."""

    def __init__(self, url: str, origin: str | None = None) -> None:
        """At a server's address, as a page of this origin; default: of the server itself."""
        where = urlsplit(url)
        self.url, self.host, self.base = url, where.netloc, where.path
        self.origin = origin or f"{where.scheme}://{where.netloc}"
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
        """Draw the page again with texts typed into fields, by their keys; waits for its end.

        Where no such field is shown, the text is sent under the key itself, as no browser does.
        """
        request = BackMsg()
        request.rerun_script.query_string = ""
        for key, text in texts.items():
            fields = (e.text_input.id for e in self.shown if e.text_input.id.endswith(f"-{key}"))
            widgets = request.rerun_script.widget_states.widgets
            widgets.add(id=next(fields, key), string_value=text)
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

    def upload(self, parts: int, *, session: str = "", chunked: bool = False) -> Answer:
        """Send a file of so many MB, in pieces, until it is sent or refused.

        Args:
            parts: of 1 MB each.
            session: whose file it is; default: this tab's.
            chunked: whether its length is not said.
        """
        token = self._token()
        head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f.pt"\r\n\r\n'
        pieces = [head, *[PART] * parts, b"\r\n--b--\r\n"]
        length = {"Content-Length": str(sum(map(len, pieces)))}
        headers = {"Origin": self.origin, "Content-Type": "multipart/form-data; boundary=b"}
        headers |= {"X-Xsrftoken": token, "Cookie": f"{TOKEN}={token}"}
        headers |= {"Transfer-Encoding": "chunked"} if chunked else length
        with closing(self._line()) as line:
            name = f"{session or self.session}/file-{time.monotonic_ns()}"
            line.putrequest("PUT", f"{self.base}/_stcore/upload_file/{name}")
            for header, value in headers.items():
                line.putheader(header, value)
            line.endheaders()
            taken = _send(line, pieces, chunked)
            with line.getresponse() as answer:
                return Answer(answer.status, answer.read().decode(), taken)

    def _token(self) -> str:
        with closing(self._line()) as line:
            line.request("GET", f"{self.base}/_stcore/health")
            with line.getresponse() as answer:
                cookies = answer.headers.get_all("set-cookie") or []
        return next(c.partition("=")[2].split(";")[0] for c in cookies if c.startswith(TOKEN))

    def _line(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, timeout=PATIENCE_S)


def _send(line: http.client.HTTPConnection, pieces: list[bytes], chunked: bool) -> int:
    """How many pieces went out before the server answered or hung up."""
    for count, piece in enumerate(pieces):
        framed = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
        answered, _, _ = select.select([line.sock], [], [], 0)
        try:
            if answered:
                return count
            line.send(framed)
        except OSError:
            return count
    if chunked:
        line.send(b"0\r\n\r\n")
    return len(pieces)
