"""Loss curves: what came, smoothed as is said; no rare batch hides the rest."""

from typing import Any

import numpy as np
import pytest

from flatdiff.views.style import HUES, style_of
from flatdiff.views.training import (
    FAINT,
    LossCurve,
    looks,
    loss_curves,
    loss_history_lines,
    smoothed,
)


def curve(run: str, loss: np.ndarray) -> LossCurve:
    step = np.arange(1, len(loss) + 1)
    return LossCurve(run, looks([run])[run], step, loss, loss / 2, loss * 2)


def axis(shown: LossCurve) -> np.ndarray:
    """Powers of ten between which the losses are drawn."""
    layout: Any = loss_curves([shown]).layout
    return np.array(layout.yaxis.range)


def test_lines_and_bands_have_the_colour_of_the_method() -> None:
    """A band and a line each; the band goes up along the greatest and back along the least."""
    loss = np.array([2.0, 1.0, 0.5])
    figure = loss_curves([curve("digits/adm", loss), curve("digits/sam", loss * 3)])
    traces: list[Any] = list(figure.data)
    bands, lines = traces[:2], traces[2:]
    assert [line.name for line in lines] == ["digits/adm", "digits/sam"]
    assert [line.line.color for line in lines] == [HUES["adm"], HUES["sam"]]
    assert [line.line.dash for line in lines] == ["solid", "solid"]
    np.testing.assert_allclose(lines[0].y, loss)
    np.testing.assert_allclose(bands[0].y, [4.0, 2.0, 1.0, 0.25, 0.5, 1.0])


@pytest.mark.parametrize("weight", [0.0, 0.6, 0.99])
def test_smoothing_of_a_constant_is_the_constant(weight: float) -> None:
    """From the first value on: without the correction it would begin at 1 - w of it."""
    np.testing.assert_allclose(smoothed(np.full(50, 3.0), weight), 3.0, rtol=1e-12)


def test_smoothing_of_a_ramp_has_a_closed_form() -> None:
    """Of y_k = k: m_n = n - (w - n w^n + (n - 1) w^(n+1)) / ((1 - w) (1 - w^n)).

    By the sum of j w^j for j < n, the distance of each past value times its weight.
    """
    n, w = np.arange(1, 201), 0.9
    lag = (w - n * w**n + (n - 1) * w ** (n + 1)) / ((1 - w) * (1 - w**n))
    np.testing.assert_allclose(smoothed(n.astype(float), w), n - lag, rtol=1e-9)


def test_smoothing_of_a_step_forgets_it_at_its_rate() -> None:
    """A first value of 1, then zeros: (1 - w) w^(n-1) / (1 - w^n)."""
    n, w = np.arange(1, 31), 0.75
    values = np.where(n == 1, 1.0, 0.0)
    np.testing.assert_allclose(smoothed(values, w), (1 - w) * w ** (n - 1) / (1 - w**n))


def test_what_is_not_finite_has_no_part_in_smoothing() -> None:
    """It stays a hole, and what follows goes on from before it."""
    holed = smoothed(np.array([1.0, np.nan, 4.0]), 0.5)
    np.testing.assert_allclose(holed, [1.0, np.nan, 3.0])


def test_what_is_smoothed_stays_behind() -> None:
    """Faint, in the same colour, hidden by the same click, and told by the crosshair."""
    loss = np.array([2.0, 1.0, 0.5])
    figure: Any = loss_curves([curve("mine/sam", loss)], smoothing=0.5)
    band, raw, line = figure.data
    assert (raw.opacity, raw.line.color) == (FAINT, line.line.color)
    np.testing.assert_allclose(raw.y, loss)
    np.testing.assert_allclose(line.customdata, loss)
    assert not np.allclose(line.y, loss)
    assert {trace.legendgroup for trace in (band, raw, line)} == {"mine/sam"}
    assert [trace.showlegend for trace in (band, raw, line)] == [False, False, True]
    assert figure.layout.hovermode == "x unified"


def test_a_hidden_run_is_known_again_whatever_else_is_drawn() -> None:
    """plotly.js finds what was hidden by uid: equal when another run comes before it, or more."""
    loss = np.array([2.0, 1.0, 0.5])
    alone: Any = loss_curves([curve("mine/sam", loss)], smoothing=0.5)
    both: Any = loss_curves([curve("mine/adm", loss), curve("mine/sam", loss / 2)], smoothing=0.5)
    uids = [trace.uid for trace in both.data]
    assert len(set(uids)) == len(uids) == 6
    assert {trace.uid for trace in alone.data} < set(uids)
    assert alone.layout.uirevision == both.layout.uirevision


def test_linear_axis_begins_at_zero() -> None:
    """Up to a little above the losses."""
    layout: Any = loss_curves([curve("mine/adm", np.array([2.0, 1.0]))], scale="linear").layout
    assert (layout.yaxis.type, layout.yaxis.range[0]) == ("linear", 0.0)
    assert 2.0 < layout.yaxis.range[1] < 3.0


def test_runs_of_one_colour_have_dashes_of_their_own() -> None:
    """Twice the same family's method cannot be; eight families share four shades of one hue."""
    names = [f"run-{k}/adm" for k in range(8)]
    found = looks([*names, "digits/sam"])
    assert {name: look.color for name, look in found.items()} == {
        name: style_of(name.split("/")[1], name.split("/")[0]).color for name in found
    }
    assert found["digits/sam"].dash == "solid"
    assert len(set(found.values())) == 9


def test_a_rare_batch_does_not_decide_the_axis() -> None:
    """One mean of a thousand lies a million times above the others."""
    loss = np.full(1000, 1.0)
    loss[500] = 1e6
    low, high = 10 ** axis(curve("digits/adm", loss))
    assert low < 0.5
    assert 1 < high < 2


def test_losses_of_zero_have_an_axis() -> None:
    """No logarithm of nothing."""
    loss = np.array([1.0, 0.0])
    assert np.all(np.isfinite(axis(curve("digits/adm", loss))))


def test_loss_axis_has_whole_numbers() -> None:
    """Without a format plotly.js writes the 2 of 0.2 alone, beside the 2 of 2."""
    layout: Any = loss_history_lines({"SAM": ("sam", [[100, 2.0], [200, 0.2]])}).layout
    ticks = layout.yaxis
    assert (ticks.type, ticks.dtick, ticks.tickformat) == ("log", "D2", "~g")
