"""`bundle`: compute what a first visitor sees, and put it beside the bundled checkpoints."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.checkpoints.collection import METHOD_PAIR, METHOD_PLANE
from flatdiff.commands.progress import show_progress
from flatdiff.engine.bundle import BUNDLE_FILE, export_bundle
from flatdiff.engine.engine import Engine
from flatdiff.landscape.quantization import WIDTHS
from flatdiff.measures.blocks import BlocksSettings
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.request import Request, completed, make_request
from flatdiff.measures.rescaling import RescalingSettings
from flatdiff.measures.samples import EXAMPLE_BITS, SamplesSettings
from flatdiff.measures.similarity import SimilaritySettings
from flatdiff.measures.surface import SurfaceSettings
from flatdiff.measures.surfaces.atlas import AtlasSettings
from flatdiff.measures.surfaces.nearby import EXAMPLE, NearbySettings
from flatdiff.paper.family import study_requests
from flatdiff.reports.columns import requests_of
from flatdiff.reports.sheet import sheet_requests

ROUNDED = SamplesSettings(bits=(32, EXAMPLE_BITS))
LINE = SurfaceSettings(mode="interpolated", dimensions=1)
NEARBY = (NearbySettings(), NearbySettings(a=EXAMPLE[0], b=EXAMPLE[1]))


def bundle() -> int:
    """Compute the default view of every page for the bundled checkpoints; keep it as a file."""
    engine = Engine(adopt=False)
    cards = [card for card in list_cards(engine.root) if isinstance(card, Card)]
    try:
        handles = [engine.submit(request) for request in default_requests(engine.root, cards)]
        engine.start()
        show_progress(handles)
        count = export_bundle(engine.store, [handle.key for handle in handles])
    finally:
        engine.close()
    print(f"written: {BUNDLE_FILE}, {count} results, {BUNDLE_FILE.stat().st_size / 1e6:.1f} MB")
    return 0


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
        *(make_request("samples", card, ROUNDED) for card in cards),
        *(make_request("surface", card, LINE) for card in cards),
        *(make_request("nearby", card, where) for card in cards for where in NEARBY),
        *(make_request("atlas", card, AtlasSettings()) for card in pair),
        *(make_request("blocks", card, completed(BlocksSettings(), root, card)) for card in pair),
        *_between(cards),
        *_of_all(root, cards),
    ]
    return list({request.key: request for request in requests}.values())


def _of_all(root: Path, cards: Sequence[Card]) -> Iterator[Request]:
    """How alike all of them are."""
    if len(cards) > 1:
        settings = completed(SimilaritySettings(), root, cards[0])
        yield make_request("similarity", cards[0], settings, partners=cards[1:])


def _between(cards: Sequence[Card]) -> Iterator[Request]:
    """The line and the plane through the training runs, and what is drawn along the line."""
    by_id = {card.id: card for card in cards}
    if not by_id.keys() >= set(METHOD_PLANE):
        return
    first, *partners = (by_id[name] for name in METHOD_PLANE)
    for dimensions in (1, 2):
        settings = SurfaceSettings(axes="checkpoints", mode="interpolated", dimensions=dimensions)
        yield make_request("surface", first, settings, partners=partners[:dimensions])
    path = AtlasSettings(axes="checkpoints", dimensions=1)
    yield make_request("atlas", first, path, partners=partners[:1])
