"""A relief is a surface in 3-D, as seen from one side; a turn is seen from all of them."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d.axes3d import Axes3D

from flatdiff.reports.figure.style import as_words, colormap_of, colour_of

ELEVATION, AZIMUTH = 28.0, -60.0  # degrees, of the eye
ZOOM = 0.88  # so that the labels of all three axes are in the picture from all sides
MOST_CELLS = 61  # along an axis; more are seen on no page


def draw_relief(axes: Axes3D, figure: go.Figure, azimuth: float = AZIMUTH) -> None:
    """One surface, or several with their names, and the needle of a chosen point.

    Args:
        axes: in three dimensions.
        figure: as `flatdiff.views.surfaces.relief` makes it.
        azimuth: degrees, of the eye.
    """
    drawn: Any = figure
    traces, scene = drawn.data, drawn.layout.scene
    for trace in traces:
        if trace.type == "surface":
            _surface(axes, trace)
        else:
            axes.plot(trace.x, trace.y, trace.z, color=trace.line.color, linewidth=2)
    if drawn.layout.showlegend:
        named = [trace for trace in traces if trace.showlegend]
        colours = {as_words(t.name): colour_of(t.colorscale[0][1], t.opacity) for t in named}
        patches = [Patch(color=colour, label=name) for name, colour in colours.items()]
        axes.legend(handles=patches, frameon=False, fontsize="small", loc="upper left")
    for name in ("x", "y", "z"):
        said = getattr(scene, f"{name}axis")
        getattr(axes, f"{name}axis").set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        getattr(axes, f"set_{name}label")(as_words(said.title.text))
        if said.tickvals is not None:
            axis = getattr(axes, f"{name}axis")
            axis.set_ticks(np.asarray(said.tickvals, dtype=float), labels=said.ticktext)
    if scene.zaxis.range is not None:
        axes.set_zlim(*scene.zaxis.range)
    axes.set_box_aspect((1, 1, 0.8), zoom=ZOOM)  # pyright: ignore[reportArgumentType]
    axes.view_init(ELEVATION, azimuth)


def _surface(axes: Axes3D, trace: Any) -> None:
    z = np.asarray(trace.z, dtype=float)
    x, y = np.meshgrid(np.asarray(trace.x, dtype=float), np.asarray(trace.y, dtype=float))
    axes.plot_surface(
        x,
        y,
        np.ma.masked_invalid(z),
        cmap=colormap_of(trace.colorscale),
        vmin=trace.cmin,
        vmax=trace.cmax,
        alpha=trace.opacity,
        rcount=MOST_CELLS,
        ccount=MOST_CELLS,
        linewidth=0,
        antialiased=False,
        rasterized=True,  # thousands of facets would make a slow vector file
    )
