"""An export is a result as a file that still says how it was made.

JSON and NPZ hold the result record under its field names; CSV its table; PNG the image grids.
Every file names checkpoint digest, panel, settings, versions, device and time.
"""

import csv
import dataclasses
import io
import json
import math
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from flatdiff.checkpoints.card import Card, read_card
from flatdiff.engine.engine import Handle
from flatdiff.engine.store import DONE
from flatdiff.errors import EngineError, SettingsError
from flatdiff.images.grid import image_grid
from flatdiff.landscape.panel import Panel, panel_digest
from flatdiff.measures.nearby import NearbyResult
from flatdiff.measures.request import Request
from flatdiff.measures.samples import SamplesResult
from flatdiff.views.style import Series
from flatdiff.views.tables import all_numbers


@dataclass(frozen=True)
class Measured:
    """A result and where it comes from."""

    provenance: dict[str, Any]  # plain data
    request: Request
    card: Card
    result: Any

    @property
    def measure(self) -> str:
        """A key of MEASURES."""
        return self.request.measure

    @property
    def done(self) -> bool:
        """Whether it is whole; else numbers are missing or preliminary."""
        return self.provenance["state"] == DONE

    @property
    def series(self) -> Series:
        """For figures."""
        return Series(self.card.label, self.card.method, self.result)


def measured(handle: Handle) -> Measured:
    """What the store holds of a request, finished or not.

    Raises:
        EngineError: nothing was ever computed.
        CheckpointError: the checkpoint has gone.
    """
    job = handle.job()
    if job is None:
        raise EngineError("nothing was computed yet")
    request, card = handle.request, read_card(handle.engine.root, handle.request.checkpoint)
    finished = datetime.fromtimestamp(job.finished_at, UTC) if job.finished_at else None
    provenance = {
        "measure": request.measure,
        "checkpoint": request.checkpoint,
        "checkpoint_digest": request.checkpoint_digest,
        "partners": [asdict(partner) for partner in request.partners],
        "key": request.key,
        "panel": asdict(request.panel),
        "panel_digest": panel_digest(request.panel),
        "settings": asdict(request.settings),
        "state": job.state,
        "evaluations": [job.num_done, job.num_items],
        "environment": json.loads(job.environment or "{}"),
        "computed_at": finished.isoformat(timespec="seconds") if finished else None,
        "seconds": round(job.seconds, 3),
    }
    return Measured(provenance, request, card, handle.result())


def command_line(requests: Sequence[Request], name: str = "") -> str:
    """The command that computes the same from the same store, without what is default.

    Args:
        requests: of one measure with one settings record.
        name: of the file it writes, without its ending; default: that of the measure.
    """
    first = requests[0]
    words = [f"python -m flatdiff measure {first.measure}"]
    words += [f"--checkpoint {shlex.quote(request.checkpoint)}" for request in requests]
    words += [f"--to {shlex.quote(partner.checkpoint)}" for partner in first.partners]
    words += settings_flags(first.settings)
    panel = Panel(dataset=first.panel.dataset)
    for flag, field in (("panel-size", "size"), ("panel-seed", "seed"), ("split", "split")):
        if getattr(first.panel, field) != getattr(panel, field):
            words.append(f"--{flag} {getattr(first.panel, field)}")
    return " \\\n    ".join([*words, f"--out {name or first.measure}.json"])


def settings_flags(settings: Any) -> list[str]:
    """A settings record as the command line spells it, without what is default or filled in."""
    default = type(settings)()
    chosen = [f.name for f in dataclasses.fields(settings) if not f.metadata.get("filled_in")]
    return [
        _flag(name.replace("_", "-"), getattr(settings, name))
        for name in chosen
        if getattr(settings, name) != getattr(default, name)
    ]


def _flag(name: str, value: Any) -> str:
    """One setting as the command line spells it: a switch, one value or several."""
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    values = value if isinstance(value, tuple) else (value,)
    return " ".join([f"--{name}", *(shlex.quote(str(each)) for each in values)])


def provenance_text(item: Measured) -> str:
    """One line of JSON in ASCII."""
    return json.dumps(_plain(item.provenance), allow_nan=False)


def origins(items: Sequence[Measured]) -> pd.DataFrame:
    """What decides the numbers and what computed them, a row a checkpoint."""
    return pd.DataFrame([_origin(item.provenance) for item in items])


def _origin(known: dict[str, Any]) -> dict[str, str]:
    panel, machine = known["panel"], known["environment"]
    programs = [name for name in ("flatdiff", "torch", "python") if name in machine]
    return {
        "checkpoint": known["checkpoint"],
        "SHA-256": known["checkpoint_digest"][:12],
        "panel": f"{panel['size']} × {panel['dataset']} {panel['split']}, seed {panel['seed']}",
        "settings": ", ".join(f"{k} {v}" for k, v in known["settings"].items() if k != "layers"),
        "computed on": f"{machine.get('device', '?')}, {machine.get('dtype', '?')}",
        "with": ", ".join(f"{name} {machine[name]}" for name in programs),
        "at": f"{known['computed_at']}, {known['seconds']} s",
        "evaluations": "{} of {}".format(*known["evaluations"]),
    }


def to_json(items: Sequence[Measured]) -> bytes:
    """One record, or a list of them where there are several checkpoints; NaN becomes null."""
    records = [_record(item) for item in items]
    shown = records[0] if len(records) == 1 else records
    return (json.dumps(shown, indent=1, allow_nan=False) + "\n").encode()


def to_csv(items: Sequence[Measured]) -> bytes:
    """One table over all checkpoints, below comment lines with the provenance."""
    header = "".join(f"# {provenance_text(item)}\n" for item in items)
    results = [(item.provenance["checkpoint"], item.result) for item in items]
    table = all_numbers(items[0].measure, results)
    return (header + table.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)).encode()


def to_npz(items: Sequence[Measured]) -> bytes:
    """Arrays `<n>/<field>` with the provenance of each as JSON text in `<n>/provenance`."""
    arrays: dict[str, Any] = {}
    for index, item in enumerate(items):
        arrays[f"{index}/provenance"] = np.array(provenance_text(item))
        for name, value in vars(item.result).items():
            arrays[f"{index}/{name}"] = np.asarray(value)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def to_png(items: Sequence[Measured]) -> bytes:
    """Image grids: a row a checkpoint and bit width or point, the same noise in every column.

    Raises:
        SettingsError: the results hold no images.
    """
    rows = _of_one_size([row for item in items for row in _image_rows(item)])
    columns = min((len(row) for row in rows), default=0)
    if not columns:
        raise SettingsError("png needs images; none is finished yet")
    text = PngImagePlugin.PngInfo()
    text.add_text("flatdiff", json.dumps([_plain(item.provenance) for item in items]))
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
    raise SettingsError(f"png is for samples; export {item.measure} as json, csv or npz")


def _record(item: Measured) -> dict[str, Any]:
    """Without the few fields that are too long for text; NPZ has them."""
    short = [f.name for f in dataclasses.fields(item.result) if f.metadata.get("json", True)]
    return _plain({**item.provenance, **{name: getattr(item.result, name) for name in short}})


def _plain(value: Any) -> Any:
    """JSON data; what is not finite is null, as JSON knows no NaN."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
