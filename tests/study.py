"""A small family whose results a worker might have stored, for the tests of the study."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flatdiff.checkpoints.card import Card
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import DONE, Store
from flatdiff.paper.family import family_cards, study_requests
from flatdiff.paper.results import Study
from flatdiff.reports.measured import measured
from tests.conftest import write_tiny_checkpoint
from tests.pages.stored import arrays_for

METHODS = ("adm", "adm-ema", "ip", "sam", "sam-ema")


def write_family(root: Path, names: Sequence[str] = METHODS) -> list[Card]:
    """Checkpoints of random weights, in the paper's order."""
    for seed, name in enumerate(names):
        write_tiny_checkpoint(root, name, seed)
    return family_cards(root, "tiny")


def fill_store(store: Store, cards: Sequence[Card]) -> None:
    """Finish every measurement of a study, each checkpoint's a little different."""
    for position, request in enumerate(study_requests(cards)):
        items = [request.items[k] for k in sorted(request.first_plan)]
        arrays = [arrays_for(item, request.settings) for item in items]
        shift = 0.001 * (position % len(cards))
        for each in arrays:
            for name in ("losses", "sampling", "features"):
                if name in each:
                    each[name] = each[name] * (1 + shift)
        store.submit(request)
        store.put_tile(request.key, 0, arrays, 1.5, '{"device": "x", "dtype": "float32"}')
        store.finish(request.key, DONE)


def studied(engine: Engine, cards: Sequence[Card]) -> Study:
    """Of what a store holds."""
    handles = [engine.handle(request) for request in study_requests(cards)]
    return Study(cards, [measured(handle) for handle in handles])


@contextmanager
def filled_engine(root: Path, store: Store) -> Iterator[tuple[Engine, list[Card]]]:
    """An engine that is never started, over a family whose results are all there."""
    cards = write_family(root)
    fill_store(store, cards)
    yield Engine(store=store, root=root), cards
