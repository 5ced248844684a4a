"""A format is a kind of file that results can be exported to; the registry names every one.

Every file says how it was made: checkpoint digest, panel, settings, versions, device and time.
JSON and NPZ hold the result record under its field names (`schema`), CSV its table, PNG the grids.
"""

import csv
import dataclasses
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from flatdiff.errors import SettingsError
from flatdiff.images.grid import image_grid
from flatdiff.measures.request import Request
from flatdiff.measures.samples import SamplesResult
from flatdiff.measures.surfaces.atlas import AtlasResult
from flatdiff.measures.surfaces.nearby import NearbyResult
from flatdiff.reports.measured import Measured, plain_data, provenance_text
from flatdiff.reports.report import to_html
from flatdiff.reports.schema import readme, schema_name, with_unit
from flatdiff.reports.vtp import to_vtp
from flatdiff.views import SECTIONS
from flatdiff.views.surfaces.atlas import atlas_rows


@dataclass(frozen=True)
class Format:
    """How to write it, and which measurements it is for."""

    export: Callable[[Sequence[Measured]], bytes]
    mime: str
    suits: Callable[[Request], bool] = lambda _: True


def _is_plane(request: Request) -> bool:
    return request.measure == "surface" and request.settings.dimensions == 2


def _is_images(request: Request) -> bool:
    return request.measure in ("samples", "nearby", "atlas")


def to_json(items: Sequence[Measured]) -> bytes:
    """One record, or a list of them where there are several checkpoints; NaN becomes null."""
    records = [_record(item) for item in items]
    shown = records[0] if len(records) == 1 else records
    return (json.dumps(shown, indent=1, allow_nan=False) + "\n").encode()


def to_csv(items: Sequence[Measured]) -> bytes:
    """One table over all checkpoints, units in its header, the provenance in its last columns."""
    results = [(item.provenance["checkpoint"], item.result) for item in items]
    table = SECTIONS[items[0].measure].numbers(results)
    sources = pd.DataFrame([_source(item) for item in items]).drop_duplicates("checkpoint")
    table = table.merge(sources, on="checkpoint", how="left").rename(columns=with_unit)
    return table.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC).encode(errors="replace")


def _source(item: Measured) -> dict[str, Any]:
    """What decides the numbers and what computed them, a column each; tables as JSON."""
    known = item.provenance
    tables = {
        name: json.dumps(plain_data(known[name]), allow_nan=False)
        for name in ("panel", "settings", "environment")
    }
    plain = {name: known[name] for name in ("checkpoint", "computed_at", "seconds", "key")}
    return {"SHA-256": known["checkpoint_digest"], **tables, **plain}


def to_npz(items: Sequence[Measured]) -> bytes:
    """Arrays `<n>/<field>`, the provenance of each as JSON in `<n>/provenance`, and a README."""
    arrays: dict[str, Any] = {"README": np.array(readme(items))}
    for index, item in enumerate(items):
        arrays[f"{index}/provenance"] = np.array(provenance_text(item))
        for name, value in vars(item.result).items():
            arrays[f"{index}/{name}"] = np.asarray(value)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def to_png(items: Sequence[Measured]) -> bytes:
    """Image grids: a row a checkpoint and bit width or point, the same noise in every column.

    Of an atlas a map: a along the columns, b upwards, a map for every chain.

    Raises:
        SettingsError: the results hold no images.
    """
    rows = _of_one_size([row for item in items for row in _image_rows(item)])
    columns = min((len(row) for row in rows), default=0)
    if not columns:
        raise SettingsError("png needs images; none is finished yet")
    text = PngImagePlugin.PngInfo()
    text.add_text("flatdiff", json.dumps([plain_data(item.provenance) for item in items]))
    buffer = io.BytesIO()
    grid = image_grid(np.concatenate([row[:columns] for row in rows]), columns)
    Image.fromarray(grid).save(buffer, "png", pnginfo=text)
    return buffer.getvalue()


def _of_one_size(rows: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Networks may draw images of different sizes: smaller ones get larger pixels, on grey."""
    height, width, channels = np.max([row.shape[1:] for row in rows], axis=0)
    alike = []
    for row in rows:
        _, h, w, _ = row.shape
        large = row.repeat(height // h, axis=1).repeat(width // w, axis=2)
        large = np.broadcast_to(large, (*large.shape[:3], channels))
        below, beside = height - large.shape[1], width - large.shape[2]
        margins = ((0, 0), (0, below), (0, beside), (0, 0))
        alike.append(np.pad(large, margins, constant_values=128))
    return alike


def _image_rows(item: Measured) -> list[NDArray[np.uint8]]:
    """Images that belong side by side, (n, H, W, C) each."""
    match item.result:
        case SamplesResult():
            return list(item.result.images)
        case NearbyResult():
            return [item.result.images]
        case AtlasResult():
            return atlas_rows(item.result)
    raise SettingsError(f"png is for samples; export {item.measure} as json, csv or npz")


def _record(item: Measured) -> dict[str, Any]:
    """Without the few fields that are too long for text; NPZ has them."""
    short = [f.name for f in dataclasses.fields(item.result) if f.metadata.get("json", True)]
    fields = {name: getattr(item.result, name) for name in short}
    return plain_data({"schema": schema_name(item.measure), **item.provenance, **fields})


FORMATS: dict[str, Format] = {
    ".html": Format(to_html, "text/html"),
    ".csv": Format(to_csv, "text/csv"),
    ".npz": Format(to_npz, "application/octet-stream"),
    ".json": Format(to_json, "application/json"),
    ".png": Format(to_png, "image/png", _is_images),
    ".vtp": Format(to_vtp, "application/xml", _is_plane),
}


def formats_for(request: Request) -> dict[str, Format]:
    """By the ending of the file's name."""
    return {suffix: kind for suffix, kind in FORMATS.items() if kind.suits(request)}
