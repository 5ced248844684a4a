"""VTK files, read with the standard library's XML parser and NumPy alone."""

import base64
import json
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from flatdiff.errors import SettingsError
from flatdiff.reports.vtp import to_vtp
from tests.results import lpf, measured_item, surface
from tests.subjects import changed

KINDS = {"Float64": "<f8", "Int64": "<i8", "Int32": "<i4"}


def array(element: ET.Element | None) -> np.ndarray:
    """Of a DataArray in base64: eight bytes of length, then as many bytes."""
    assert element is not None
    content = base64.b64decode(element.text or "", validate=True)
    assert int.from_bytes(content[:8], "little") == len(content) - 8
    values = np.frombuffer(content[8:], KINDS[element.attrib["type"]])
    return values.reshape(-1, int(element.attrib.get("NumberOfComponents", 1)))


def strings(element: ET.Element | None) -> list[str]:
    """Of an Array of zero-terminated codes."""
    assert element is not None
    words = bytes(int(code) for code in (element.text or "").split()).decode().split("\0")
    assert len(words) - 1 == int(element.attrib["NumberOfTuples"])
    return words[:-1]


def pieces(*results: Any) -> list[ET.Element]:
    root = ET.fromstring(to_vtp([measured_item("surface", result) for result in results]))
    assert root.attrib["header_type"] == "UInt64"
    return root.findall("PolyData/Piece")


def quads(piece: ET.Element) -> np.ndarray:
    """(n, 4); the offsets say that each has four corners."""
    corners = array(piece.find("Polys/DataArray[@Name='connectivity']")).reshape(-1, 4)
    offsets = array(piece.find("Polys/DataArray[@Name='offsets']")).ravel()
    assert len(corners) == int(piece.attrib["NumberOfPolys"])
    assert offsets.tolist() == list(range(4, 4 * len(corners) + 1, 4))
    return corners


def test_every_cell_is_a_point_and_every_gap_a_quad() -> None:
    """Of 5 x 3 cells; a quad is a rectangle of one step each way, whatever the order."""
    result = surface()
    (piece,) = pieces(result)
    points = array(piece.find("Points/DataArray"))
    assert points.shape == (15, 3)
    assert int(piece.attrib["NumberOfPoints"]) == 15
    assert {(a, b) for a, b, _ in points} == {(a, b) for a in result.a for b in result.b}
    for a, b, loss in points:
        row, column = np.searchsorted(result.b, b), np.searchsorted(result.a, a)
        assert loss == result.loss[row, column]
    corners = quads(piece)
    assert len(corners) == 4 * 2
    for cell in points[corners][..., :2]:
        around = np.roll(cell, -1, axis=0) - cell
        assert (np.count_nonzero(around, axis=1) == 1).all(), "along one axis at a time"
        assert np.ptp(cell[:, 0]) == pytest.approx(result.a[1] - result.a[0])
        assert np.ptp(cell[:, 1]) == pytest.approx(result.b[1] - result.b[0])


def test_arrays_belong_to_their_points() -> None:
    """Rise and errors are found again through a, b in the result."""
    result = surface()
    (piece,) = pieces(result)
    points = array(piece.find("Points/DataArray"))
    known = {e.attrib["Name"]: array(e).ravel() for e in piece.findall("PointData/DataArray")}
    assert known.keys() == {"loss", "rise", "rise_stderr", "stderr", "checkpoint"}
    for k, (a, b, _) in enumerate(points):
        cell = np.searchsorted(result.b, b), np.searchsorted(result.a, a)
        assert known["rise"][k] == result.loss[cell] - result.base_loss
        assert known["rise_stderr"][k] == result.rise_stderr[cell]
        assert known["stderr"][k] == result.stderr[cell]


def test_what_is_no_number_is_left_out() -> None:
    """One inner cell less: fourteen points, and the four quads around it are gone."""
    result = surface()
    loss = result.loss.copy()
    loss[1, 2] = np.nan
    (piece,) = pieces(changed(result, loss=loss))
    points, corners = array(piece.find("Points/DataArray")), quads(piece)
    assert len(points) == 14
    assert np.isfinite(points).all()
    assert len(corners) == 8 - 4
    assert corners.max() < 14


def test_a_surface_in_the_making_is_coarse_or_empty() -> None:
    """Only the finest grid that is computed throughout; before, a piece of nothing."""
    for count in (0, 1, 6, 12):
        (piece,) = pieces(surface(count))
        points, corners = array(piece.find("Points/DataArray")), quads(piece)
        assert np.isfinite(points).all()
        assert corners.size == 0 or corners.max() < len(points)


def test_a_piece_a_checkpoint_with_names_that_mean_something_in_xml() -> None:
    """Names come back letter by letter, and the provenance as the JSON it was."""
    names = ['a/<&>"]]>', "Ünï/\N{GRINNING FACE}"]
    items = [measured_item("surface", surface(), name) for name in names]
    root = ET.fromstring(to_vtp(items))
    assert strings(root.find("PolyData/FieldData/Array[@Name='checkpoint']")) == names
    provenance = strings(root.find("PolyData/FieldData/Array[@Name='provenance']"))
    assert [json.loads(text) for text in provenance] == [item.provenance for item in items]
    numbers = root.findall("PolyData/Piece/PointData/DataArray[@Name='checkpoint']")
    assert [set(array(number).ravel()) for number in numbers] == [{0}, {1}]


@pytest.mark.parametrize(
    ("measure", "result"), [("lpf", lpf()), ("surface", surface(dimensions=1))]
)
def test_only_surfaces_over_a_plane(measure: str, result: Any) -> None:
    """A sentence that says what else there is."""
    with pytest.raises(SettingsError, match="vtp is for surfaces of two dimensions"):
        to_vtp([measured_item(measure, result)])
