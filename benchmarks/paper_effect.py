"""The paper's effect on the nine bundled checkpoints, as the tables of docs/results.md.

    python -m benchmarks.paper_effect

Everything comes through the engine and the store, from the default panel, first of all from the
shipped results; what is not in the store is computed. Prints Markdown.
"""

from collections.abc import Mapping, Sequence

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.checkpoints.collection import METHOD_PAIR
from flatdiff.engine.engine import Engine
from flatdiff.measures.blocks import BlocksSettings
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.request import completed, make_request
from flatdiff.measures.similarity import SimilaritySettings
from flatdiff.reports.columns import COLUMNS, Value, requests_of
from flatdiff.views.blocks import agreements
from flatdiff.views.similarity import similarity_sentence
from flatdiff.views.style import Series

HEAD = (
    "| method | loss | LPF, absolute σ = 0.01 | LPF, filter-relative σ = 0.01 "
    "| rise at 8 bit | at 6 bit | at 4 bit |\n|---|---|---|---|---|---|---|"
)
# Columns of the claim's table that the first one does not have, and their digits.
MORE = {
    "slope over distance": 3,
    "top eigenvalue": 4,
    "Hessian trace": 0,
    "|mean gap of ‖ε‖|": 2,
    "proxy Fréchet, 32 bit": 2,
}
MORE_HEAD = "| method | {} |\n|{}".format(
    " | ".join(title.replace("|", "\\|") for title in MORE), "---|" * (len(MORE) + 1)
)


def main() -> None:
    """Compute or look up, then print."""
    engine = Engine(adopt=False)
    engine.start()
    cards = [card for card in list_cards(engine.root) if isinstance(card, Card)]
    shown = [card for card in cards if card.family == "digits"]
    print(HEAD)
    for card in shown:
        asked = [make_request(name, card, settings) for name, settings in FIRST]
        print(row(card, *(engine.submit(request).wait() for request in asked)))
    print(f"\n{MORE_HEAD}")
    for card in shown:
        print(more_row(card, values_of(engine, card)))
    print()
    for sentence in sentences_of(engine, shown):
        print(f"- {sentence}")
    engine.close()


FIRST = (
    ("lpf", LpfSettings()),
    ("lpf", LpfSettings(mode="filter_relative")),
    ("quantization", QuantizationSettings()),
)


def row(card: Card, absolute, relative, quantized) -> str:
    """One method's line, every number with its standard error."""
    lpfs = [f"{result.lpf:.4f} ± {result.total_stderr:.4f}" for result in (absolute, relative)]
    rises = [
        f"{rise:+.4f} ± {error:.4f}"
        for rise, error in zip(quantized.rise[1:], quantized.rise_stderr[1:], strict=True)
    ]
    return " | ".join([f"| {card.title}", f"{absolute.loss:.4f}", *lpfs, *rises]) + " |"


def values_of(engine: Engine, card: Card) -> dict[str, Value]:
    """The claim's columns of a checkpoint."""
    asked = requests_of(card)
    return {
        column.title: column.value(engine.submit(asked[column.title]).wait())
        for column in COLUMNS
        if column.title in MORE
    }


def more_row(card: Card, values: Mapping[str, Value]) -> str:
    """One method's line of the second table."""
    cells = [
        "{:.{d}f} ± {:.{d}f}".format(*values[title], d=digits) for title, digits in MORE.items()
    ]
    return " | ".join([f"| {card.title}", *cells]) + " |"


def sentences_of(engine: Engine, cards: Sequence[Card]) -> list[str]:
    """What the pages Blocks, of ADM and SAM, and Similarity, of all, say above their pictures."""
    pair = [card for card in cards if card.id in METHOD_PAIR]
    parts = [completed(BlocksSettings(), engine.root, card) for card in pair]
    found = [
        engine.submit(make_request("blocks", card, settings)).wait()
        for card, settings in zip(pair, parts, strict=True)
    ]
    series = [Series(card.title, card.method, r) for card, r in zip(pair, found, strict=True)]
    first, *others = cards
    alike = completed(SimilaritySettings(), engine.root, first)
    request = make_request("similarity", first, alike, partners=others)
    names = [card.title for card in cards]
    return [*agreements(series), similarity_sentence(engine.submit(request).wait(), names)]


if __name__ == "__main__":
    main()
