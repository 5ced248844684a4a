"""A bundle is a store file that travels with the project: results a first visitor finds ready.

`import_bundle` copies what the visitor's store lacks; `export_bundle` makes the file. To make it
again after a measure has changed: `python -m flatdiff bundle`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.collection import METHOD_PAIR, METHOD_PLANE
from flatdiff.engine.store import Store
from flatdiff.engine.transfer import copy_results
from flatdiff.landscape.quantization import WIDTHS
from flatdiff.measures.nearby import EXAMPLE, NearbySettings
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.request import Request, make_request
from flatdiff.measures.rescaling import RescalingSettings
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.paper.family import study_requests
from flatdiff.reports.columns import requests_of
from flatdiff.reports.sheet import sheet_requests
from flatdiff.system.files import PROJECT_ROOT

NEARBY = (NearbySettings(), NearbySettings(a=EXAMPLE[0], b=EXAMPLE[1]))
BUNDLE_FILE = PROJECT_ROOT / "checkpoints" / "results.sqlite"


def default_requests(root: Path, cards: Sequence[Card]) -> list[Request]:
    """What every page asks for when nobody has touched it, the README's tables, and the study."""
    pair = [card for card in cards if card.id in METHOD_PAIR]
    requests = [
        *(request for card in cards for request in requests_of(card).values()),
        *sheet_requests(root, cards),
        *study_requests(cards),
        *(make_request("rescaling", card, RescalingSettings()) for card in pair),
        *(make_request("quantization", card, QuantizationSettings(bits=WIDTHS)) for card in pair),
        *(make_request("samples", card, SamplesSettings(bits=WIDTHS)) for card in pair),
        *(make_request("nearby", card, where) for card in cards for where in NEARBY),
        *_between(cards),
    ]
    return list({request.key: request for request in requests}.values())


def _between(cards: Sequence[Card]) -> Iterator[Request]:
    """The line and the plane through the training runs."""
    by_id = {card.id: card for card in cards}
    if not by_id.keys() >= set(METHOD_PLANE):
        return
    first, *partners = (by_id[name] for name in METHOD_PLANE)
    for dimensions in (1, 2):
        settings = SurfaceSettings(axes="checkpoints", mode="interpolated", dimensions=dimensions)
        yield make_request("surface", first, settings, partners=partners[:dimensions])


def import_bundle(store: Store, bundle: Path = BUNDLE_FILE) -> int:
    """Take over the bundle's results that the store does not have; returns how many.

    Raises:
        StoreError: the bundle is no store of this version.
    """
    if not bundle.exists():
        return 0
    return copy_results(bundle, store, immutable=True)


def export_bundle(store: Store, keys: Sequence[str], bundle: Path = BUNDLE_FILE) -> int:
    """Write a bundle of some finished results; returns how many there were."""
    bundle.unlink(missing_ok=True)
    target = Store(bundle)
    copied = copy_results(store.database.path, target, keys)
    target.database.compact()
    # One file without a write-ahead log can be read from a read-only folder.
    target.database.connection().execute("PRAGMA journal_mode = DELETE")
    target.database.close()
    return copied
