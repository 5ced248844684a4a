"""Reports, read with the standard library's HTML parser: one file, no connection, text as text."""

import base64
import hashlib
import io
import json
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flatdiff.images.grid import image_grid
from flatdiff.measures import MEASURES
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.reports.report import MAX_ROWS, sheet_report, to_html
from flatdiff.reports.reproduce import python_snippet
from flatdiff.reports.sheet import PARTS
from flatdiff.views import View
from tests.results import RESULTS, measured_item, samples, surface
from tests.subjects import changed

NASTY = ["</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "a&lt;b\"'>"]
VOID = {"meta", "img", "br", "link", "input"}


class Document(HTMLParser):
    """Elements with their attributes, the text of each, and that all of them are closed."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(content.decode())
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember it."""
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        """Only what was opened last."""
        assert self.elements[self._open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        """Belongs to every element around it."""
        for index in self._open:
            self.elements[index][2].append(data)

    def texts(self, tag: str) -> list[str]:
        """Of every element with this tag."""
        return ["".join(text) for name, _, text in self.elements if name == tag]

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        """Of every element with this tag."""
        return [attrs for name, attrs, _ in self.elements if name == tag]

    def data(self, name: str) -> Any:
        """What a script element holds as JSON."""
        (text,) = ["".join(text) for _, attrs, text in self.elements if attrs.get("id") == name]
        return json.loads(text)


def sheet(*names: str) -> dict[str, list[Any]]:
    """Every part of a sheet of some checkpoints."""
    return {
        measure: [measured_item(measure, RESULTS[measure](), name) for name in names]
        for measure in dict.fromkeys(part.measure for part in PARTS)
    }


@pytest.fixture(scope="module")
def plain() -> Document:
    """Of two checkpoints with harmless names."""
    return Document(sheet_report(sheet("d/adm", "d/sam")))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("count", [None, 0, 1])
def test_one_measure_whole_and_in_the_making(measure: str, count: int | None) -> None:
    """A figure for every place of one, each with words; the numbers and the way to them."""
    items = [measured_item(measure, RESULTS[measure](count), name) for name in ("d/adm", "d/sam")]
    found = Document(to_html(items))
    places = [a for a in found.attributes("div") if a.get("class") == "chart"]
    assert [a["data-figure"] for a in places] == [str(k) for k in range(len(places))]
    assert len(found.data("figures")) == len(places)
    assert all(a["aria-label"] for a in places)
    assert all(image["alt"] for image in found.attributes("img"))
    assert python_snippet([item.request for item in items]) in found.texts("code")
    provenance = found.texts("code")[-1].splitlines()
    assert [json.loads(line) for line in provenance] == [item.provenance for item in items]


def test_no_connection_and_no_script_but_its_own(plain: Document) -> None:
    """The policy names the hashes of the two scripts in the file; no element loads anything."""
    (policy,) = [a["content"] or "" for a in plain.attributes("meta") if "http-equiv" in a]
    assert policy.startswith("default-src 'none';")
    scripts = ["".join(text) for tag, a, text in plain.elements if tag == "script" and not a]
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert len(scripts) == 2
    allowed = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert allowed.split()[1:] == [f"'sha256-{each}'" for each in hashes]
    assert sum("plotly.js v" in script for script in scripts) == 1
    for _, attributes, _ in plain.elements:
        assert "src" not in attributes or (attributes["src"] or "").startswith("data:image/png")
        assert (attributes.get("href") or "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]


@pytest.mark.parametrize("name", NASTY)
def test_names_stay_text(name: str, plain: Document) -> None:
    """No element comes into being, no figure holds a tag, and the name is there to be read."""
    hostile = Document(sheet_report(sheet(f"d/{name}", "d/sam")))
    assert [tag for tag, _, _ in hostile.elements] == [tag for tag, _, _ in plain.elements]
    assert any(f"d/{name}" in text for text in hostile.texts("li"))
    assert name not in json.dumps(hostile.data("figures"), ensure_ascii=False)


def test_samples_are_images_pixel_by_pixel() -> None:
    """Pillow reads them back out of the document."""
    found = Document(to_html([measured_item("samples", samples())]))
    images = [(a["src"] or "").partition(",")[2] for a in found.attributes("img")]
    assert len(images) == 2
    for content, grid in zip(images, samples().images, strict=True):
        with Image.open(io.BytesIO(base64.b64decode(content))) as image:
            assert np.array_equal(np.asarray(image), image_grid(grid, 8))


def test_what_is_preliminary_is_said() -> None:
    """By the state in the store."""
    item = measured_item("lpf", RESULTS["lpf"]())
    running = changed(item, provenance={**item.provenance, "state": "running"})
    said = [
        "Preliminary" in " ".join(Document(to_html([each])).texts("p")) for each in (item, running)
    ]
    assert said == [False, True]


def test_parts_without_results_are_left_out() -> None:
    """And a link leads to each of the others."""
    found = Document(sheet_report({**sheet("d/adm"), "lpf": []}))
    targets = {a["href"] for a in found.attributes("a")}
    anchors = {f"#{a['id']}" for a in found.attributes("h2") if "id" in a}
    assert targets == anchors
    assert len(targets) == len(sheet("digits/adm")) - 1
    assert "Flatness" not in found.texts("h2")


def test_views_and_long_tables() -> None:
    """A logarithmic colour scale is in the figure; a table nobody would read is only counted."""
    large = measured_item("surface", surface(), settings=SurfaceSettings())
    found = Document(to_html([large], View(log=True)))
    assert found.data("figures")[0]["data"][0]["zmax"] == pytest.approx(
        np.log10(surface().loss.max())
    )
    layers = RESULTS["sensitivity"]()
    wide = changed(
        layers,
        layers=tuple(f"layer {k}" for k in range(MAX_ROWS + 1)),
        **{
            name: np.ones(MAX_ROWS + 1)
            for name in ("parameters", "rise", "rise_stderr", "relative_error")
        },
    )
    found = Document(to_html([measured_item("sensitivity", wide)]))
    assert f"{MAX_ROWS + 1} rows" in " ".join(found.texts("p"))
