"""What goes with a figure: the name of its file, its caption, whom to cite, and its command."""

import re
import shlex
from collections.abc import Sequence

from flatdiff.measures import MEASURES
from flatdiff.reports.figure.options import PageOptions
from flatdiff.reports.measured import Measured
from flatdiff.reports.reproduce import chosen, measured_words, settings_flags
from flatdiff.version import __version__
from flatdiff.views import SECTIONS

BIBTEX = f"""\
@inproceedings{{flatness2025,
  title     = {{Understanding Flatness in Generative Models: Its Role and Benefits}},
  booktitle = {{IEEE/CVF International Conference on Computer Vision (ICCV)}},
  year      = {{2025}},
  eprint    = {{2503.11078}},
  archivePrefix = {{arXiv}}
}}
@software{{flatdiff,
  title   = {{flatdiff: how flat is a diffusion model, and what does that buy?}},
  author  = {{{{The flatdiff authors}}}},
  version = {{{__version__}}},
  license = {{MIT}}
}}
"""


def file_name(items: Sequence[Measured]) -> str:
    """What it shows, without an ending: surface_digits-adm_sam_seed0."""
    first = items[0]
    names = [item.card.id.replace("/", "-") for item in items[:1]]
    names += [
        item.card.name if item.card.family == first.card.family else item.card.id
        for item in items[1:]
    ]
    seed = getattr(first.request.settings, "seed", None)
    parts = [first.measure, *names, *([] if seed is None else [f"seed{seed}"])]
    return re.sub(r"[^\w+-]+", "-", "_".join(parts))


def caption(items: Sequence[Measured]) -> str:
    """What is seen, of what, measured how: everything that a reader needs to get it again."""
    first, section = items[0], SECTIONS[items[0].measure]
    panel, settings = first.request.panel, first.request.settings
    names = ", ".join(
        f"{item.card.label} (SHA-256 {item.request.checkpoint_digest[:8]})" for item in items
    )
    said = chosen(settings, type(settings)())
    options = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in said.items())
    return (
        f"{section.title}: {MEASURES[first.measure].question} {section.caveat} Of {names}. Panel "
        f"of {panel.size} {panel.split.replace('_', '-')} images of {panel.dataset}, seed "
        f"{panel.seed}. Settings: {options or 'defaults'}. flatdiff {__version__}."
    )


def figure_command(items: Sequence[Measured], page: PageOptions, suffix: str) -> str:
    """The command that makes the same file without a browser."""
    words = measured_words("figure", [item.request for item in items])
    words += settings_flags(page)
    out = shlex.quote(f"{file_name(items)}{suffix}")
    return " \\\n    ".join([*words, f"--out {out}"])
