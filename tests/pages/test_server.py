"""A real server that others reach: it asks nobody outside, and who may come in."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from benchmarks.first_page import BASE_PATH, start_server
from flatdiff.engine.engine import Engine
from flatdiff.system.access import PASSWORD
from pages.shared.door import UNLOCKED
from pages.shared.page_list import HOME, SECTIONS
from pages.shared.plotly_js import FILE_NAME
from tests import outside
from tests.pages.test_pages import engine, opened  # noqa: F401  (a fixture)
from tests.visitor import Visitor

PAGES = [HOME.file, *(page.file for section in SECTIONS.values() for page in section)]
SECRET = "flat"


@pytest.fixture(scope="module")
def no_way_out(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a server in which every connection to the outside is written down."""
    return outside.install(tmp_path_factory.mktemp("outside"))


@pytest.fixture(scope="module")
def url(
    no_way_out: dict[str, str], tmp_path_factory: pytest.TempPathFactory, tiny_root: Path
) -> Iterator[str]:
    """Where a server answers that listens on every address, as a class has it."""
    process, address = start_server(
        str(tmp_path_factory.mktemp("home")),
        FLATDIFF_CHECKPOINTS=str(tiny_root),
        FLATDIFF_ALLOWED_HOSTS="desk.local",
        STREAMLIT_SERVER_ADDRESS="0.0.0.0",
        **{PASSWORD: SECRET},
        **no_way_out,
    )
    yield address
    process.terminate()
    process.wait(20)


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:3000", "null"])
def test_a_foreign_page_is_refused(url: str, origin: str) -> None:
    """By the guard, before Streamlit; by Streamlit alone, after seconds or never."""
    with pytest.raises(InvalidStatus) as refused, Visitor(url, origin):
        pass
    assert refused.value.response.status_code == 403


def test_the_server_asks_nobody_outside(url: str, no_way_out: dict[str, str]) -> None:
    """Neither at its start, which prints its addresses, nor when foreign and own pages ask."""
    with pytest.raises(InvalidStatus), Visitor(url, "http://evil.example"):
        pass
    with Visitor(url) as visitor, Visitor(url.replace("127.0.0.1", "LocalHost")):
        assert visitor.find(lambda e: e.text_input.label == "Password")
    assert outside.recorded(no_way_out) == ""


@pytest.mark.parametrize("page", PAGES)
def test_no_page_asks_anybody_outside(
    engine: Engine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    page: str,
) -> None:
    """Every page, drawn once with every connection but loopback refused and written down."""
    record = {outside.RECORD: str(tmp_path / "record.txt")}
    monkeypatch.setenv(outside.RECORD, record[outside.RECORD])
    assert not opened(page).exception
    assert outside.recorded(record) == ""


def test_a_way_out_would_be_seen(tmp_path: Path) -> None:
    """By a process that does try; an address for documents, where nobody is (RFC 5737)."""
    environment = outside.install(tmp_path)
    program = "import urllib.request as r; r.urlopen('http://192.0.2.1/', timeout=1)"
    subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True)
    assert "192.0.2.1" in outside.recorded(environment)
    assert len(PAGES) == len(set(PAGES)) > 20, "every page is asked"


def test_an_upload_needs_the_password(url: str) -> None:
    """50 MB that a locked tab sends are refused before they are read; then it is let in."""
    with Visitor(url) as visitor:
        status, sentence, taken = visitor.upload(50)
        assert status == 403
        assert taken < 25
        assert "password" in sentence
        visitor.ask(password="wrong")
        assert visitor.upload(1)[0] == 403
        visitor.ask(password=SECRET)
        assert visitor.upload(3)[0] == 204
        assert visitor.upload(1, session="another")[0] == 403


@pytest.mark.parametrize("claim", [UNLOCKED, "$$WIDGET_ID-unlocked"])
def test_nobody_lets_himself_in(url: str, claim: str) -> None:
    """A client may send any state under any name; it gets no further than the door."""
    with Visitor(url) as visitor:
        visitor.ask(**{claim: "yes"})
        assert [e.heading.body for e in visitor.shown if e.heading.body] == ["flatdiff"]
        assert visitor.upload(1)[0] == 403
        assert not any(e.button.label for e in visitor.shown)


def test_an_upload_without_a_length_is_counted(url: str) -> None:
    """In pieces of which no sum was announced, it is stopped where it becomes too large."""
    with Visitor(url) as visitor:
        visitor.ask(password=SECRET)
        status, sentence, taken = visitor.upload(400, chunked=True)
        assert status == 413
        assert 150 < taken < 300
        assert "200 MB" in sentence
        assert visitor.upload(300)[0] == 413


def test_below_a_path_of_a_proxy(
    no_way_out: dict[str, str], tmp_path: Path, tiny_root: Path
) -> None:
    """With server.baseUrlPath: pages, uploads, their guard and plotly.js are all found there."""
    told = {"FLATDIFF_CHECKPOINTS": str(tiny_root), PASSWORD: SECRET, BASE_PATH: "/class/flatdiff"}
    process, url = start_server(str(tmp_path), **told, **no_way_out)
    try:
        with urllib.request.urlopen(f"{url}/{FILE_NAME}") as answer:
            assert answer.headers["content-type"].split(";")[0].endswith("/javascript")
        with Visitor(url) as visitor:
            assert visitor.upload(1)[0] == 403
            visitor.ask(password=SECRET)
            assert visitor.upload(1)[0] == 204
        with pytest.raises(InvalidStatus), Visitor(url, "http://evil.example"):
            pass
    finally:
        process.terminate()
        process.wait(20)
