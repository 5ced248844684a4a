"""plotly.js as the plotly package ships it, served once from this machine and kept by browsers."""

from pathlib import Path

import plotly
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

HERE = Path(__file__).parent
PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
# The version is in the name: a new one is another file, and this one never changes.
FILE_NAME = f"plotly-{plotly.__version__}.min.js"
FOREVER = "public, max-age=31536000, immutable"


def joined(*names: str) -> str:
    """The script of a component that draws with it, out of files beside this one."""
    return "\n".join((HERE / name).read_text("utf-8") for name in (*names, "around_plotly.js"))


def _send(_request: Request) -> FileResponse:
    return FileResponse(PLOTLY_JS, headers={"cache-control": FOREVER})


def route(base: str) -> Route:
    """Beside the pages, as these name it without a folder; all of them may stand below a path.

    >>> route("").path == f"/{FILE_NAME}", route("/class/").path == f"/class/{FILE_NAME}"
    (True, True)
    """
    return Route("/" + "/".join(part for part in (base.strip("/"), FILE_NAME) if part), _send)
