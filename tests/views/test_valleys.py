"""How basins grow and where valleys join, as pictures."""

from typing import Any

import numpy as np
import pytest

from flatdiff.measures.surface import SurfaceResult
from flatdiff.measures.surfaces.valleys import SurfaceValley, surface_valleys
from flatdiff.views.base import View
from flatdiff.views.style import Series
from flatdiff.views.surface import valley_pictures
from flatdiff.views.surfaces import valleys
from flatdiff.views.surfaces.valleys import (
    basin_growth,
    merge_tree,
    persistence_diagram,
    valley_row,
)
from tests.measures.surfaces.test_valleys import bowl, over_plane, two_wells
from tests.results import surface
from tests.subjects import changed
from tests.views.test_figures import traces


def of(result: SurfaceResult, name: str = "A") -> Series[SurfaceResult]:
    """A checkpoint's."""
    return Series(name, "sam", result)


def test_a_basin_is_drawn_dotted_from_where_it_meets_the_border() -> None:
    """At a rise of 1; both parts share a point, and the band holds them."""
    band, closed, beyond = traces(basin_growth([of(over_plane(bowl(), stderr=0.01))]))
    assert closed.x[-1] <= 1 < beyond.x[1]
    assert closed.x[-1] == beyond.x[0]
    assert (closed.line.dash, beyond.line.dash) == ("solid", "dot")
    assert np.all(np.diff([*closed.y, *beyond.y]) >= 0)
    assert beyond.y[-1] == pytest.approx(1)
    upper, lower = np.split(np.array(band.y), 2)
    y = np.array([*closed.y[:-1], *beyond.y])
    assert ((lower[::-1] <= y + 1e-9) & (y <= upper + 1e-9)).all()


def test_basins_of_two_checkpoints_share_their_heights() -> None:
    """The flatter one takes up more of the picture at every rise."""
    sharp, flat = of(over_plane(bowl()), "sharp"), of(over_plane(bowl() / 4), "flat")
    lines = {}
    for trace in traces(basin_growth([sharp, flat])):
        if trace.name:
            lines.setdefault(trace.name, {}).update(zip(trace.x, trace.y, strict=True))
    assert list(lines["sharp"]) == list(lines["flat"])
    assert all(lines["flat"][x] >= lines["sharp"][x] for x in lines["flat"])


def test_a_tree_leads_from_every_valley_to_where_it_joins() -> None:
    """Two wells: the checkpoint's own joins the deeper one at the pass; noise has no branch."""
    result = over_plane(two_wells())
    trunk, branch = traces(merge_tree(of(result)))
    assert (trunk.name, branch.name) == ("a 0.75, b 0.00", "a 0.00, b 0.00")
    assert trunk.y[0] == pytest.approx(-0.2)
    assert list(branch.y) == pytest.approx([0, branch.y[1], branch.y[1]])
    assert (branch.x[0], branch.x[2]) != (trunk.x[0], branch.x[0])
    assert branch.x[2] == trunk.x[0]
    named = merge_tree(of(changed(result, marks=np.array([[0.7, 0.0, 0.0]]))), ("<A>", "B"))
    names = [trace.name for trace in traces(named)]
    assert names == ["B: a 0.75, b 0.00", "&lt;A&gt;: a 0.00, b 0.00"]
    (only,) = traces(merge_tree(of(over_plane(two_wells(), stderr=0.1))))
    assert only.name == "a 0.75, b 0.00"


def test_a_diagram_has_every_valley_but_the_deepest() -> None:
    """Two wells: the shallower is as far above the line as it is deep; under noise it is faint."""
    result = over_plane(two_wells())
    (valley,) = (found for found in surface_valleys(result) if found.joins is not None)
    certain, faint, line = traces(persistence_diagram([of(result)]))
    assert (list(certain.x), list(certain.y)) == ([valley.rise], [valley.joins_at])
    assert len(faint.x) == 0
    assert list(line.x) == list(line.y) == [valley.rise, valley.joins_at]
    certain, faint, _ = traces(persistence_diagram([of(over_plane(two_wells(), stderr=0.1))]))
    assert len(certain.x) == 0
    assert faint.y[0] - faint.error_y.arrayminus[0] < faint.x[0]


def test_pictures_of_a_surface_have_a_tree_where_there_are_valleys() -> None:
    """Lines and surfaces in the making have neither; the numbers say the same."""
    several, one = of(over_plane(two_wells()), "several"), of(over_plane(bowl()), "one")
    keys = [picture.key for picture in valley_pictures([several, one], View())]
    assert keys == ["basins", "persistence", "tree-several"]
    assert list(valley_pictures([of(surface(4)), of(surface(dimensions=1))], View())) == []
    assert valley_row(one.result) == {
        "valleys": "1",
        "the shallowest": "",
        "basin closed up to": "a rise of 1",
    }
    assert valley_row(several.result)["valleys"] == "2"
    assert valley_row(surface(4))["valleys"] == ""


def test_a_branch_that_joins_what_may_be_noise_joins_its_trunk(monkeypatch: Any) -> None:
    """Three valleys, the middle one less certain than the one that joins it."""
    deep, between, high = (
        SurfaceValley(a, 0.0, rise, joins_at, joins, floor, 0.1)
        for a, rise, joins_at, joins, floor in (
            (0.0, -1.0, 3.0, None, 0.0),
            (0.5, 0.0, 2.0, 0, 9.0),
            (1.0, 0.5, 1.5, 1, 0.0),
        )
    )
    found = [deep, between, high]
    monkeypatch.setattr(valleys, "surface_valleys", lambda _: found)
    trunk, branch = traces(merge_tree(of(over_plane(bowl()), "noisy")))
    assert (trunk.name, branch.name) == ("a 0.00, b 0.00", "a 1.00, b 0.00")
    assert branch.x[2] == trunk.x[0]
