"""What pages share: numbers with their errors, names that are not ours, rows of pictures."""

import doctest
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.reports.sheet import PARTS
from flatdiff.views import base
from flatdiff.views.base import with_error
from pages.shared import about, choose, job, scenes
from pages.shared.plain import plain


@pytest.mark.parametrize("module", [choose, base, job, scenes], ids=lambda module: module.__name__)
def test_examples_in_docstrings_are_true(module: ModuleType) -> None:
    """Python itself runs and compares them."""
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.12345, 0.0021, "0.1235 ± 0.0021"),
        (5.0, 0.0996, "5.00 ± 0.10"),
        (4321.7, 123.4, "4320 ± 120"),
        (12.3, 45.6, "12 ± 46"),
        (3.21e-8, 4.3e-10, "3.210e-8 ± 4.3e-10"),
        (2.5e9, 3.1e7, "2.500e+9 ± 3.1e+7"),
        (0.5, 1e-9, "0.5000000000 ± 1.0e-9"),
        (9.1, 1e-30, "9.1"),
        (9.12345, 0.0, "9.123"),
        (9.12345, float("inf"), "9.123"),
        (float("nan"), 0.1, ""),
    ],
)
def test_digits_follow_the_error(value: float, error: float, text: str) -> None:
    """Rounded by hand to the second digit of the error; below float64's own, there is none."""
    assert with_error(value, error) == text


def test_every_special_of_markdown_is_taken_its_meaning() -> None:
    """Without its backslashes the text is the same, and a line break cannot start a block."""
    name = "<b>x</b> $y$ [l](http://e) *z* _u_ `c` # ! | :red[r] a\\b"
    shown = plain(f"{name}\n# title")
    assert "\n" not in shown
    for special in "$:[]<>*_`#!|()":
        assert f"\\{special}" in shown
        assert shown.count(special) == shown.count(f"\\{special}")
    assert plain("a\\b") == "a\\\\b"
    assert plain("Ümlaut 7 ρ") == "Ümlaut 7 ρ"


@pytest.mark.parametrize(
    ("count", "fixed", "widths"),
    [
        (0, None, []),
        (1, None, [1]),
        (2, None, [2]),
        (4, None, [2, 2]),
        (5, None, [3, 3]),
        (9, None, [3, 3, 3]),
        (1, 3, [3]),
    ],
)
def test_rows_have_at_most_three_columns(count: int, fixed: int | None, widths: list[int]) -> None:
    """The blocks of a page that shows numbers, each in its column."""

    def page(count: int, fixed: int | None) -> None:
        from pages.shared.rows import in_rows

        for column, item in in_rows(range(count), fixed):
            column.text(str(item))

    shown = AppTest.from_function(page, args=(count, fixed)).run()
    assert not shown.exception
    assert len(shown.columns) == sum(widths)
    assert [text.value for text in shown.text] == [str(k) for k in range(count)]
    for column in shown.columns:
        assert column.weight == pytest.approx(1 / widths[0])


def test_every_measure_of_a_sheet_is_documented_and_the_index_knows_it() -> None:
    """What it is, when to trust it, when not, its command; sensitivity belongs to another."""
    index = (about.MEASURES.parent / "README.md").read_text("utf-8")
    for measure in {part.measure for part in PARTS} - {"sensitivity"}:
        text = (about.MEASURES / f"{measure}.md").read_text("utf-8")
        for heading in ("What it is", "How it is computed", "Trust it when", "Do not trust it"):
            assert f"**{heading}" in text, (measure, heading)
        assert f"flatdiff measure {measure}" in text
        assert f"measures/{measure}.md" in index


def _sizes() -> None:
    from pages.shared.choose import size

    size("Sigma", "sigma", 0.01, 0.0, 1.0)


def test_a_step_follows_the_size() -> None:
    """A fifth of it or so, and no choice is lost as the step changes."""
    shown = AppTest.from_function(_sizes).run()
    assert shown.number_input[0].step == 0.002
    shown.number_input[0].set_value(0.3).run()
    assert (shown.number_input[0].value, shown.number_input[0].step) == (0.3, 0.05)
    shown.number_input[0].set_value(0.0).run()
    assert (shown.number_input[0].value, shown.number_input[0].step) == (0.0, 0.002)
