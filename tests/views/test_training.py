"""Loss curves: what is drawn is what came, and no rare batch hides the rest."""

from typing import Any

import numpy as np

from flatdiff.views.style import HUES
from flatdiff.views.training import LossCurve, loss_curves, loss_history_lines


def curve(method: str, loss: np.ndarray, dash: str = "solid") -> LossCurve:
    step = np.arange(1, len(loss) + 1)
    return LossCurve(f"{method} (mine)", method, dash, step, loss, loss / 2, loss * 2)


def axis(shown: LossCurve) -> np.ndarray:
    """Powers of ten between which the losses are drawn."""
    layout: Any = loss_curves([shown]).layout
    return np.array(layout.yaxis.range)


def test_lines_and_bands_have_the_colour_of_the_method() -> None:
    """A band and a line each; the band goes up along the greatest and back along the least."""
    loss = np.array([2.0, 1.0, 0.5])
    figure = loss_curves([curve("adm", loss), curve("sam", loss * 3, "longdash")])
    traces: list[Any] = list(figure.data)
    bands, lines = traces[:2], traces[2:]
    assert [line.name for line in lines] == ["adm (mine)", "sam (mine)"]
    assert [line.line.color for line in lines] == [HUES["adm"], HUES["sam"]]
    assert [line.line.dash for line in lines] == ["solid", "longdash"]
    np.testing.assert_allclose(lines[0].y, loss)
    np.testing.assert_allclose(bands[0].y, [4.0, 2.0, 1.0, 0.25, 0.5, 1.0])


def test_a_rare_batch_does_not_decide_the_axis() -> None:
    """One mean of a thousand lies a million times above the others."""
    loss = np.full(1000, 1.0)
    loss[500] = 1e6
    low, high = 10 ** axis(curve("adm", loss))
    assert low < 0.5
    assert 1 < high < 2


def test_losses_of_zero_have_an_axis() -> None:
    """No logarithm of nothing."""
    loss = np.array([1.0, 0.0])
    assert np.all(np.isfinite(axis(curve("adm", loss))))


def test_loss_axis_has_whole_numbers() -> None:
    """Without a format plotly.js writes the 2 of 0.2 alone, beside the 2 of 2."""
    layout: Any = loss_history_lines({"SAM": ("sam", [[100, 2.0], [200, 0.2]])}).layout
    ticks = layout.yaxis
    assert (ticks.type, ticks.dtick, ticks.tickformat) == ("log", "D2", "~g")
