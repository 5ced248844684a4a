"""A loss surface as a VTK XML file (.vtp, PolyData), which ParaView and PyVista open.

A piece a checkpoint: points (a, b, loss), a quad wherever four neighbours are known, and arrays
at the points. What is not computed or not a number is left out. Provenance is field data.
"""

import base64
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from flatdiff.errors import SettingsError
from flatdiff.measures.surface import SurfaceResult
from flatdiff.reports.measured import Measured, provenance_text
from flatdiff.views.surfaces.plot import shown_grid

TYPES = {"f8": "Float64", "i8": "Int64", "i4": "Int32"}


def to_vtp(items: Sequence[Measured]) -> bytes:
    """One piece a checkpoint, in the order given.

    Raises:
        SettingsError: these are no surfaces over a plane, or nothing of them is computed.
    """
    if any(not _over_a_plane(item.result) for item in items):
        raise SettingsError("vtp is for surfaces of two dimensions; export json, csv or npz")
    root = ET.Element(
        "VTKFile", type="PolyData", version="1.0", byte_order="LittleEndian", header_type="UInt64"
    )
    data = ET.SubElement(root, "PolyData")
    field = ET.SubElement(data, "FieldData")
    for name, words in (
        ("checkpoint", [item.provenance["checkpoint"] for item in items]),
        ("provenance", [provenance_text(item) for item in items]),
    ):
        _strings(field, name, words)
    for number, item in enumerate(items):
        _piece(data, number, item.result)
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def _over_a_plane(result: Any) -> bool:
    return isinstance(result, SurfaceResult) and min(result.loss.shape) > 1


def _piece(data: ET.Element, number: int, result: SurfaceResult) -> None:
    """One surface."""
    columns, rows, loss = shown_grid(result)
    shown = np.ix_(np.isin(result.b, rows), np.isin(result.a, columns))
    known = np.isfinite(loss)
    b, a = np.meshgrid(rows, columns, indexing="ij")
    quads = _quads(known)
    piece = ET.SubElement(
        data,
        "Piece",
        NumberOfPoints=str(known.sum()),
        NumberOfVerts="0",
        NumberOfLines="0",
        NumberOfStrips="0",
        NumberOfPolys=str(len(quads)),
    )
    at_points = ET.SubElement(piece, "PointData", Scalars="loss")
    for name, values in (
        ("loss", loss),
        ("rise", loss - result.base_loss),
        ("rise_stderr", result.rise_stderr[shown]),
        ("stderr", result.stderr[shown]),
        ("checkpoint", np.full(loss.shape, number, np.int32)),
    ):
        _array(at_points, values[known], Name=name)
    points = np.stack([a, b, loss], axis=-1)[known]
    _array(ET.SubElement(piece, "Points"), points, Name="points", NumberOfComponents="3")
    polys = ET.SubElement(piece, "Polys")
    _array(polys, quads, Name="connectivity")
    _array(polys, 4 * np.arange(1, len(quads) + 1), Name="offsets")


def _quads(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(n, 4) numbers of known points, in the order around each cell; (rows, columns) known."""
    number = np.where(known, np.cumsum(known).reshape(known.shape) - 1, -1)
    corners = (number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1])
    quads = np.stack([corner.ravel() for corner in corners], axis=1)
    return quads[(quads >= 0).all(axis=1)].astype(np.int64)


def _array(parent: ET.Element, values: NDArray, **attributes: str) -> None:
    """Base64 of the number of bytes and the bytes."""
    content = values.astype(values.dtype.newbyteorder("<")).tobytes()
    kind = TYPES[f"{values.dtype.kind}{values.dtype.itemsize}"]
    element = ET.SubElement(parent, "DataArray", {"type": kind, "format": "binary", **attributes})
    element.text = base64.b64encode(len(content).to_bytes(8, "little") + content).decode()


def _strings(parent: ET.Element, name: str, words: Sequence[str]) -> None:
    """UTF-8 codes, each text with a zero behind it."""
    element = ET.SubElement(
        parent, "Array", type="String", Name=name, NumberOfTuples=str(len(words)), format="ascii"
    )
    element.text = " ".join(" ".join(map(str, [*word.encode(), 0])) for word in words)
