"""A bundle is a store file that travels with the project: results a first visitor finds ready.

`import_bundle` copies what the visitor's store lacks; `export_bundle` makes the file. To make it
again after a measure has changed: `python -m flatdiff bundle`.
"""

from collections.abc import Sequence
from pathlib import Path

from flatdiff.cards import Card
from flatdiff.config import METHOD_PAIR
from flatdiff.files import PROJECT_ROOT
from flatdiff.measures.exposure import ExposureSettings
from flatdiff.measures.frechet import FrechetSettings
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.radius import RadiusSettings
from flatdiff.measures.samples import SamplesSettings
from flatdiff.measures.sensitivity import SensitivitySettings
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.requests import Request, make_request
from flatdiff.store import Store
from flatdiff.tensors import layer_names
from flatdiff.transfer import copy_results

BUNDLE_FILE = PROJECT_ROOT / "checkpoints" / "results.sqlite"


def default_requests(root: Path, cards: Sequence[Card]) -> list[Request]:
    """What every page asks for when nobody has touched it, and the README's table.

    The two checkpoints that pages compare at first are METHOD_PAIR.
    """
    everywhere = [
        ("surface", SurfaceSettings(mode="interpolated")),
        ("samples", SamplesSettings()),
        ("quantization", QuantizationSettings()),
        ("lpf", LpfSettings()),
        ("lpf", LpfSettings(mode="filter_relative")),
    ]
    pair = [card for card in cards if card.id in METHOD_PAIR]
    requests = [make_request(name, c, settings) for name, settings in everywhere for c in cards]
    requests += [make_request("exposure", card, ExposureSettings()) for card in pair]
    requests += [make_request("frechet", card, FrechetSettings()) for card in pair]
    requests += [
        make_request("sensitivity", card, SensitivitySettings(layers=layer_names(root, card)))
        for card in pair
    ]
    return requests + [make_request("radius", card, RadiusSettings()) for card in pair]


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
