"""A format is a kind of file that results can be exported to; the registry names every one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flatdiff.measures.request import Request
from flatdiff.reports.exports import Measured, to_csv, to_json, to_npz, to_png
from flatdiff.reports.report import to_html
from flatdiff.reports.vtp import to_vtp


@dataclass(frozen=True)
class Format:
    """How to write it, and which measurements it is for."""

    export: Callable[[Sequence[Measured]], bytes]
    mime: str
    suits: Callable[[Request], bool] = lambda _: True


def _is_plane(request: Request) -> bool:
    return request.measure == "surface" and request.settings.dimensions == 2


def _is_images(request: Request) -> bool:
    return request.measure in ("samples", "nearby")


FORMATS: dict[str, Format] = {
    ".html": Format(to_html, "text/html"),
    ".csv": Format(to_csv, "text/csv"),
    ".npz": Format(to_npz, "application/octet-stream"),
    ".json": Format(to_json, "application/json"),
    ".png": Format(to_png, "image/png", _is_images),
    ".vtp": Format(to_vtp, "application/xml", _is_plane),
}


def formats_for(request: Request) -> dict[str, Format]:
    """By the ending of the file's name."""
    return {suffix: kind for suffix, kind in FORMATS.items() if kind.suits(request)}
