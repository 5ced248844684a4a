"""The page of the theory: finished before anybody touches it, honest in every setting."""

import itertools
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.test_pages import unfold

PAGE = Path(__file__).resolve().parents[2] / "pages" / "teach" / "theory.py"
PRIOR, BOUND = "The prior", "The bound"
CHARTS = {PRIOR: 3, "The noise": 1, BOUND: 2, "What is covered": 2}  # by part


def opened(part: str = PRIOR, **link: str) -> AppTest:
    """A part of the page by a link."""
    link["part"] = part
    page = AppTest.from_file(str(PAGE), default_timeout=30)
    for key, value in link.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    return page


def verdicts(page: AppTest) -> str:
    """What the coloured boxes say."""
    boxes = [*page.success, *page.warning, *page.info, *page.error]
    return "\n".join(str(box.value) for box in boxes)


def test_first_picture_is_finished_and_shows_eq_18_fail() -> None:
    """Nothing is touched, and no engine runs in this test."""
    assert "Equal at all 1,681 points" in verdicts(opened())
    page = opened(BOUND)
    assert "Here Eq. 18 fails as printed: KL 0.2856 nats, printed bound 0.2084" in verdicts(page)
    assert "The corrected bound" in "\n".join(str(text.value) for text in page.markdown)


def test_parts_are_read_in_order() -> None:
    """Each with its charts alone, by the buttons at its end."""
    page = opened()
    for number, charts in enumerate(CHARTS.values(), 1):
        assert [header.value[:2] for header in page.subheader] == [f"{number}."]
        assert len(page.get("plotly_chart")) == charts
        if number < len(CHARTS):
            page.button(key=f"way{number + 1}").click().run()
    page.button(key="way3").click().run()
    assert "Here Eq. 18 fails as printed" in verdicts(page)


@pytest.mark.parametrize("kind", ["wider", "narrower", "narrower and shifted", "shifted"])
def test_printed_bound_holds_in_the_other_presets(kind: str) -> None:
    """On the first features."""
    page = opened(BOUND, kind=kind)
    assert "Here both bounds hold" in verdicts(page)
    assert len(page.get("plotly_chart")) == CHARTS[BOUND]


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ({"activation": "ReLU"}, "Not equal: the two sides differ"),
        ({"asymmetry": "50"}, "Not equal: the two sides differ"),
        (
            {"formula": "as printed", "prior": "one Gaussian", "delta": "0.95"},
            "there is no p̂",
        ),
        ({"formula": "as printed", "kind": "shifted", "prior": "one Gaussian"}, "Not equal"),
        ({"prior": "one Gaussian"}, "Equal at all"),
    ],
)
def test_what_the_proof_needs_is_shown_to_be_needed(link: dict[str, str], sentence: str) -> None:
    """Each assumption taken away by a link."""
    assert sentence in verdicts(opened(**link))


# Any two values of two settings meet in one of these.
PAIRS = {
    ("4", "0", "0.05", "random"),
    ("4", "11", "0.95", "by hand"),
    ("8", "0", "0.95", "by hand"),
    ("8", "11", "0.05", "random"),
    ("64", "0", "0.05", "by hand"),
    ("64", "11", "0.95", "random"),
}
CORNERS = itertools.product(("4", "8", "64"), ("0", "11"), ("0.05", "0.95"), ("random", "by hand"))


@pytest.mark.parametrize(
    ("m", "seed", "delta", "kind"),
    [
        corner if corner in PAIRS else pytest.param(*corner, marks=pytest.mark.slow)
        for corner in CORNERS
    ],
)
def test_corners_of_the_settings(m: str, seed: str, delta: str, kind: str) -> None:
    """Every chart is there, and the equality holds whatever the perturbation."""
    for part, charts in CHARTS.items():
        page = opened(part, m=m, seed=seed, delta=delta, kind=kind)
        assert len(page.get("plotly_chart")) == charts
        assert part != PRIOR or "Equal at all 1,681 points" in verdicts(page)


@pytest.mark.parametrize(
    ("part", "key"), [(PRIOR, "equality"), ("The noise", "moments"), (BOUND, "bounds")]
)
def test_numbers_stand_behind_the_charts(part: str, key: str) -> None:
    """Folded, and drawn once they are opened."""
    page = opened(part)
    before = len(page.table) + len(page.dataframe)
    unfold(page, f"numbers-{key}")
    assert len(page.table) + len(page.dataframe) > before


def test_the_link_is_the_view() -> None:
    """Set by hand and set by a link, it says the same."""
    page = opened(BOUND)
    page.selectbox(key="kind").set_value("by hand").run()
    page.slider(key="axis").set_value(45).run()
    page.slider(key="delta").set_value(0.8).run()
    assert not page.exception
    linked = opened(BOUND, kind="by hand", axis="45", delta="0.8")
    assert verdicts(linked) == verdicts(page)
    assert verdicts(linked) != verdicts(opened(BOUND))


def test_nonsense_in_a_link_shows_the_default() -> None:
    """A link may hold anything."""
    page = opened(kind="sideways", delta="99", m="-3", axis="x")
    assert "Equal at all 1,681 points" in verdicts(page)
