"""`bundle`: compute what a first visitor sees, and put it beside the bundled checkpoints."""

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.commands.progress import show_progress
from flatdiff.engine.bundle import BUNDLE_FILE, default_requests, export_bundle
from flatdiff.engine.engine import Engine


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
