"""A loss surface as contours, reliefs and lines, and what says whether it can be believed."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from flatdiff.measures.comparison import Estimate
from flatdiff.measures.surface import SurfaceResult
from flatdiff.views.base import Headline, Picture, Row, Section, View, with_error
from flatdiff.views.style import Series
from flatdiff.views.surfaces.loss_scale import common_range
from flatdiff.views.surfaces.overlay import MAX_OVERLAID, overlay_3d, overlay_lines
from flatdiff.views.surfaces.plot import (
    MAX_RELIEFS,
    X_TITLES,
    drawable,
    shown_grid,
    surface_contour,
    surface_lines,
)
from flatdiff.views.surfaces.relief import surface_3d
from flatdiff.views.surfaces.valleys import (
    basin_growth,
    joining,
    many_valleys,
    merge_tree,
    persistence_diagram,
    whole,
)


def surface_pictures(series: Sequence[Series], settings: Any, view: View) -> Iterator[Picture]:
    """Contours on one scale and reliefs, or lines."""
    limits = common_range([entry.result for entry in series])
    if limits is None:
        return
    if settings.dimensions == 1:
        yield Picture(
            key="lines",
            content=surface_lines(
                series, log=view.log, x_title=X_TITLES[settings.axes], point=view.point
            ),
            alt="Loss against distance along one direction, one line a checkpoint",
        )
        return
    for entry in series:
        yield Picture(
            key=f"contour-{entry.title}",
            content=surface_contour(
                entry.result,
                limits,
                log=view.log,
                names=view.names,
                trajectory=view.trajectory,
                point=view.point,
            ),
            alt=f"Loss surface of {entry.title}, {limits[0]:.3f} to {limits[1]:.3f}",
            heading=entry.title,
            row="contours",
        )
    for entry in series[:MAX_RELIEFS]:
        yield Picture(
            key=f"relief-{entry.title}",
            content=surface_3d(entry.result, limits, log=view.log, point=view.point),
            alt=f"Relief of the loss of {entry.title}, {limits[0]:.3f} to {limits[1]:.3f}",
            heading=f"{entry.title}, relief",
            row="reliefs",
            folded=True,
        )
    yield from valley_pictures(series, view)
    if len(series) >= MAX_OVERLAID:
        yield from _overlay_pictures(series[:MAX_OVERLAID], limits, view)


def _overlay_pictures(
    pair: Sequence[Series], limits: tuple[float, float], view: View
) -> Iterator[Picture]:
    names = " and ".join(entry.title for entry in pair)
    for kind, draw in (("lines", overlay_lines), ("sheets", overlay_3d)):
        yield Picture(
            key=f"overlay-{kind}",
            content=draw(pair, limits, log=view.log, point=view.point),
            alt=f"Loss surfaces of {names} over each other, as {kind}",
            heading=f"{names}, overlaid",
            row="overlay",
            folded=True,
        )


def valley_pictures(series: Sequence[Series], view: View) -> Iterator[Picture]:
    """How the basins grow, and a tree of each surface that has more valleys than one."""
    shown = whole(series)
    if not shown:
        return
    yield Picture(
        key="basins",
        content=basin_growth(shown),
        alt="Share of the picture within the checkpoint's basin by the rise of the loss",
        heading="How the basin grows",
        caption="What one reaches from the checkpoint without climbing higher; dotted from where "
        "it meets the border of the picture. The band is what the errors of the loss allow, at "
        "95 %.",
        folded=True,
    )
    if any(joining(entry.result) for entry in shown):
        yield Picture(
            key="persistence",
            content=persistence_diagram(shown),
            alt="Every valley by its lowest point and by where it joins a deeper one",
            heading="Persistence of the valleys",
            caption="The further above the line, the deeper a valley. Faint: it may be noise, as "
            "the bar of what the errors allow reaches the line. The deepest joins none.",
            folded=True,
        )
    for entry in shown:
        if many_valleys(entry.result):
            yield Picture(
                key=f"tree-{entry.title}",
                content=merge_tree(entry, view.names),
                alt=f"Where the valleys of {entry.title} join, by the rise of the loss",
                heading=f"{entry.title}, valleys",
                row="trees",
                folded=True,
            )


def surface_checks(result: SurfaceResult) -> list[Row]:
    """What says whether a surface can be believed."""
    highest = np.nanmax(result.loss) if np.isfinite(result.loss).any() else np.nan
    return [
        {
            "loss at the checkpoint": with_error(result.base_loss, result.base_stderr),
            "noise floor": f"{result.noise_floor:.3g}",
            "highest rise": f"{highest - result.base_loss:.3g}",
            "points computed": f"{result.num_evaluations:,}",
            "interpolation error": f"{result.error_estimate:.2g}",
            "near the checkpoint": _centre_error(result),
            "not a number": f"{result.nonfinite_fraction:.1%}",
            "|cosine| of the axes": f"{abs(result.axes_cosine):.4f}" if len(result.b) > 1 else "",
            "a = 1 is, of ‖θ‖": f"{result.relative_step:.3f}",
        }
    ]


def what_to_doubt(results: Sequence[SurfaceResult]) -> str:
    """In pictures of these, in units of the loss and in a few words."""
    floor = np.nanmax([result.noise_floor for result in results])
    error = np.nanmax([result.error_estimate for result in results])
    off = f", and between computed points it may be off by {error:.2g}" if error > 0 else ""
    return f"A rise below {floor:.2g} may be chance{off}"


def _centre_error(result: SurfaceResult) -> str:
    """Where one looks, and where a hundredth of the range is much."""
    if not np.isfinite(result.centre_error):
        return ""
    share = result.centre_error / max(result.centre_rise, np.finfo(float).tiny)
    return f"{result.centre_error:.2g}, {share:.1%} of the rise there"


def surface_table(result: SurfaceResult) -> pd.DataFrame:
    """One row a computed cell."""
    b, a = np.meshgrid(result.b, result.a, indexing="ij")
    table = pd.DataFrame(
        {
            "a": a.ravel(),
            "b": b.ravel(),
            "loss": result.loss.ravel(),
            "stderr": result.stderr.ravel(),
            "rise": (result.loss - result.base_loss).ravel(),
            "rise_stderr": result.rise_stderr.ravel(),
        }
    )
    return table.loc[result.computed.ravel()]


def _headline(result: SurfaceResult) -> Estimate:
    """Cells share panel members, so that the mean's error is no larger than the errors' mean.

    None of a surface in the making: its mean is over other points than it will be.
    """
    known = np.isfinite(result.loss)
    if not known.any() or not result.computed.all():
        return Estimate(np.nan, np.nan)
    rise = float(result.loss[known].mean()) - result.base_loss
    return Estimate(rise, float(result.rise_stderr[known].mean()))


SECTION = Section(
    title="Loss surface",
    draw=surface_pictures,
    headline=Headline("mean rise of the loss in this picture", _headline),
    table=surface_table,
    read=surface_checks,
    detail=lambda result: len(shown_grid(result)[0]) if drawable(result) else 0,
    caveat="The noise floor is the standard deviation of the loss over other draws of the "
    "panel: a rise below it may be chance. The interpolation error is the largest one found "
    "at points that the interpolation was not told of. Planes can mislead; another seed is "
    "another plane.",
)
