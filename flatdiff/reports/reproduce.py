"""The command line and the Python program that ask the same as some requests, of one store."""

import dataclasses
import shlex
from collections.abc import Sequence
from typing import Any

from flatdiff.checkpoints.card import Card
from flatdiff.landscape.panel import Panel
from flatdiff.measures.request import Request

TEMPLATE = """\
from flatdiff import Engine, table

with Engine() as engine:
    handles = {{
        name: engine.ask({arguments})
        for name in {names}
    }}
    results = {{name: handle.wait() for name, handle in handles.items()}}

for name, result in results.items():
    print(name)
    print(table({measure!r}, result))
"""


def python_snippet(requests: Sequence[Request]) -> str:
    """The program; requests differ in their checkpoint alone, and settings filled in by it."""
    first = requests[0]
    panel = chosen(first.panel, Panel(dataset=first.panel.dataset))
    arguments = [repr(first.measure), "name"]
    arguments += [f"{n}={v!r}" for n, v in chosen(first.settings, type(first.settings)()).items()]
    if panel:
        arguments.append(f"panel={panel!r}")
    if first.partners:
        arguments.append(f"to={[partner.checkpoint for partner in first.partners]!r}")
    return TEMPLATE.format(
        arguments=", ".join(arguments),
        names=[request.checkpoint for request in requests],
        measure=first.measure,
    )


def chosen(record: Any, default: Any) -> dict[str, Any]:
    """What of a record is neither default nor filled in."""
    return {
        field.name: getattr(record, field.name)
        for field in dataclasses.fields(record)
        if "filled_in" not in field.metadata
        and getattr(record, field.name) != getattr(default, field.name)
    }


def command_line(requests: Sequence[Request], name: str = "") -> str:
    """The command that computes the same from the same store, without what is default.

    Args:
        requests: of one measure with one settings record.
        name: of the file it writes, without its ending; default: that of the measure.
    """
    words = measured_words("measure", requests)
    return " \\\n    ".join([*words, f"--out {name or requests[0].measure}.json"])


def measured_words(command: str, requests: Sequence[Request]) -> list[str]:
    """Of a command line: what is measured of what, and how.

    Args:
        command: that has a subcommand for every measure.
        requests: of one measure with one settings record.
    """
    first = requests[0]
    words = [f"flatdiff {command} {first.measure}"]
    words += [f"--checkpoint {shlex.quote(request.checkpoint)}" for request in requests]
    words += [f"--to {shlex.quote(partner.checkpoint)}" for partner in first.partners]
    words += settings_flags(first.settings)
    flags = {"size": "panel-size", "seed": "panel-seed", "split": "split"}
    panel = chosen(first.panel, Panel(dataset=first.panel.dataset))
    return words + [f"--{flag} {panel[name]}" for name, flag in flags.items() if name in panel]


def settings_flags(settings: Any) -> list[str]:
    """A settings record as the command line spells it, without what is default or filled in."""
    said = chosen(settings, type(settings)())
    return [_flag(name.replace("_", "-"), value) for name, value in said.items()]


def _flag(name: str, value: Any) -> str:
    """One setting as the command line spells it: a switch, one value or several."""
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    values = value if isinstance(value, tuple) else (value,)
    return " ".join([f"--{name}", *(shlex.quote(str(each)) for each in values)])


def report_command(cards: Sequence[Card]) -> str:
    """The command that writes the same as one file."""
    words = [f"--checkpoint {shlex.quote(card.id)}" for card in cards]
    return " \\\n    ".join(["flatdiff report", *words, "--out report.html"])
