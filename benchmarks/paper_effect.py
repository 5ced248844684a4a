"""The paper's effect on the nine bundled checkpoints, as the README's table.

    python -m benchmarks.paper_effect

Everything comes through the engine and the store, from the default panel; what is not in the store
is computed. Prints Markdown.
"""

from flatdiff.cards import Card, list_cards
from flatdiff.engine import Engine
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.requests import make_request

HEAD = (
    "| method | loss | LPF, absolute σ = 0.01 | LPF, filter-relative σ = 0.01 "
    "| rise at 8 bit | at 6 bit | at 4 bit |\n|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Compute or look up, then print."""
    engine = Engine(adopt=False)
    engine.start()
    cards = [card for card in list_cards(engine.root) if isinstance(card, Card)]
    asked = {
        card.id: [
            engine.submit(make_request("lpf", card, LpfSettings())),
            engine.submit(make_request("lpf", card, LpfSettings(mode="filter_relative"))),
            engine.submit(make_request("quantization", card, QuantizationSettings())),
        ]
        for card in cards
        if card.family == "digits"
    }
    print(HEAD)
    for card in cards:
        if card.id in asked:
            print(row(card, *(handle.wait() for handle in asked[card.id])))
    engine.close()


def row(card: Card, absolute, relative, quantized) -> str:
    """One method's line, every number with its standard error."""
    lpfs = [f"{result.lpf:.4f} ± {result.stderr:.4f}" for result in (absolute, relative)]
    rises = [
        f"{rise:+.4f} ± {error:.4f}"
        for rise, error in zip(quantized.rise[1:], quantized.rise_stderr[1:], strict=True)
    ]
    return " | ".join([f"| {card.title}", f"{absolute.loss:.4f}", *lpfs, *rises]) + " |"


if __name__ == "__main__":
    main()
