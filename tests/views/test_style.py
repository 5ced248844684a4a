"""How a checkpoint looks, whatever stands beside it."""

from flatdiff.views.style import SHADES, Series, style_of


def test_a_method_has_another_shade_in_another_family() -> None:
    """The same on every page: by the family's name, whatever else is shown."""
    shades = {style_of("sam", family).color for family in ("digits", *"abcdefghijkl")}
    assert style_of("sam", "digits") == style_of("sam")
    assert len(shades) == 1 + len(SHADES)
    mine, bundled = (Series("", "sam-ema", None, family).style for family in ("mine", "digits"))
    assert mine.color != bundled.color
    assert (mine.dash, mine.symbol) == (bundled.dash, bundled.symbol)
    assert mine.color == style_of("sam", "mine").color
