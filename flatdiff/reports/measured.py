"""A measured result: what the store holds of a request, and where it comes from."""

import dataclasses
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from flatdiff.checkpoints.card import Card, read_card
from flatdiff.checkpoints.collection import trajectory
from flatdiff.engine.engine import Handle
from flatdiff.engine.store import DONE
from flatdiff.errors import EngineError
from flatdiff.landscape.panel import panel_digest
from flatdiff.measures.request import Request, decisive
from flatdiff.views.base import View
from flatdiff.views.style import Series

EVERY_ONE = ("layers", "blocks")  # settings that name all parts of a checkpoint


@dataclass(frozen=True)
class Measured:
    """A result and where it comes from."""

    provenance: dict[str, Any]  # plain data
    request: Request
    card: Card
    result: Any
    partners: tuple[Card, ...] = ()  # further checkpoints, in the order of the request

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
        return Series(self.card.label, self.card.method, self.result, self.card.family)


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
        "settings": decisive(request.settings),
        "state": job.state,
        "evaluations": [job.num_done, job.num_items],
        "environment": json.loads(job.environment or "{}"),
        "computed_at": finished.isoformat(timespec="seconds") if finished else None,
        "seconds": round(job.seconds, 3),
    }
    partners = tuple(read_card(handle.engine.root, one.checkpoint) for one in request.partners)
    return Measured(provenance, request, card, handle.result(), partners)


def view_of(items: Sequence[Measured]) -> View:
    """As nobody has touched it, with the names of further checkpoints where there are some."""
    first = items[0]
    places = [first.card, *first.partners] if first.partners else []
    return View(
        names=[card.short_title for card in places],
        methods=[card.method for card in places],
        trajectory=trajectory(places),
    )


def provenance_text(item: Measured) -> str:
    """One line of JSON in ASCII."""
    return json.dumps(plain_data(item.provenance), allow_nan=False)


def origins(items: Sequence[Measured]) -> pd.DataFrame:
    """What decides the numbers and what computed them, a row a checkpoint."""
    return pd.DataFrame([_origin(item.provenance) for item in items])


def _origin(known: dict[str, Any]) -> dict[str, str]:
    panel, machine = known["panel"], known["environment"]
    chosen = {name: k for name, k in known["settings"].items() if name not in EVERY_ONE}
    programs = [name for name in ("flatdiff", "torch", "python") if name in machine]
    return {
        "checkpoint": known["checkpoint"],
        "SHA-256": known["checkpoint_digest"][:12],
        "panel": f"{panel['size']} × {panel['dataset']} {panel['split']}, seed {panel['seed']}",
        "settings": ", ".join(f"{name} {value}" for name, value in chosen.items()),
        "computed on": f"{machine.get('device', '?')}, {machine.get('dtype', '?')}",
        "with": ", ".join(f"{name} {machine[name]}" for name in programs),
        "at": f"{known['computed_at']}, {known['seconds']} s",
        "evaluations": "{} of {}".format(*known["evaluations"]),
    }


def plain_data(value: Any) -> Any:
    """JSON data; what is not finite is null, as JSON knows no NaN."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain_data(asdict(value))
    if isinstance(value, dict):
        return {name: plain_data(entry) for name, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain_data(value.tolist())
    if isinstance(value, list | tuple):
        return [plain_data(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
