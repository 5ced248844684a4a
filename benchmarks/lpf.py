"""How many evaluations LPF takes to a standard error of 1 %, against plain Monte Carlo.

    python -m benchmarks.lpf

From the shipped results: the same perturbed losses, once as antithetic pairs and once as
independent draws (the + of every pair), and what either needs for the same error. The spread is
over the checkpoints.
"""

import statistics

import numpy as np

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.engine.bundle import BUNDLE_FILE
from flatdiff.engine.store import Store
from flatdiff.measures.lpf import LpfResult, LpfSettings
from flatdiff.measures.request import make_request
from flatdiff.system.files import checkpoint_root

RELATIVE_STDERR = 0.01


def evaluations(result: LpfResult) -> tuple[float, float]:
    """Evaluations to the error asked for: plain, antithetic."""
    pairs = result.perturbed_losses.reshape(-1, 2)
    allowed = (RELATIVE_STDERR * result.lpf) ** 2
    plain = pairs.var(axis=0, ddof=1).mean()  # of one draw
    antithetic = 2 * pairs.mean(axis=1).var(ddof=1)  # a pair costs two
    return plain / allowed, antithetic / allowed


def main() -> None:
    """Print a line a checkpoint and the ratio's spread."""
    store, ratios = Store(BUNDLE_FILE), []
    for card in list_cards(checkpoint_root()):
        assert isinstance(card, Card)
        request = make_request("lpf", card, LpfSettings())
        result = request.definition.assemble(request.settings, store.items_done(request.key))
        plain, antithetic = evaluations(result)
        ratios.append(plain / antithetic)
        print(
            f"{card.id:16} plain {np.ceil(plain):4.0f}   antithetic {np.ceil(antithetic):4.0f}   "
            f"ratio {ratios[-1]:.2f}"
        )
    store.close()
    print(
        f"ratio: median {statistics.median(ratios):.2f}, "
        f"from {min(ratios):.2f} to {max(ratios):.2f}"
    )


if __name__ == "__main__":
    main()
