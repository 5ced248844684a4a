"""The command line and the Python program that ask the same as some requests, of one store."""

import dataclasses
import shlex
from collections.abc import Sequence
from typing import Any

from flatdiff.checkpoints.card import Card
from flatdiff.landscape.panel import Panel
from flatdiff.measures.request import Request

TEMPLATE = """\
from contextlib import closing

{imports}

with closing(Engine(adopt=False)) as engine:
    cards = [read_card(engine.root, name) for name in {names}]
{partners}    handles = [
        engine.submit(
            make_request(
                {measure!r},
                card,
                {settings},
{more}            )
        )
        for card in cards
    ]
    engine.start()
    results = [handle.wait() for handle in handles]

for card, result in zip(cards, results):
    print(card.id)
    print(TABLES[{measure!r}](result))
"""


def python_snippet(requests: Sequence[Request]) -> str:
    """The program; requests differ in their checkpoint alone, and settings filled in by it."""
    first = requests[0]
    imports = [
        "from flatdiff.checkpoints.card import read_card",
        "from flatdiff.engine.engine import Engine",
        f"from {type(first.settings).__module__} import {type(first.settings).__name__}",
        "from flatdiff.measures.request import make_request",
        "from flatdiff.views.tables import TABLES",
    ]
    more, settings = [], _arguments(first.settings, type(first.settings)())
    if any(field.metadata.get("filled_in") for field in dataclasses.fields(first.settings)):
        imports.append("from flatdiff.checkpoints.tensors import layer_names")
        settings.append("layers=layer_names(engine.root, card)")
    if panel := _arguments(first.panel, Panel(dataset=first.panel.dataset)):
        imports.append("from flatdiff.landscape.panel import Panel")
        more.append(f"panel=Panel(dataset=card.dataset, {', '.join(panel)}),")
    partners = _names([partner.checkpoint for partner in first.partners])
    if first.partners:
        more.append("partners=partners,")
    return TEMPLATE.format(
        imports="\n".join(sorted(imports)),
        names=_names([request.checkpoint for request in requests]),
        partners=f"    partners = [read_card(engine.root, name) for name in {partners}]\n"
        if first.partners
        else "",
        measure=first.measure,
        settings=f"{type(first.settings).__name__}({', '.join(settings)})",
        more="".join(f"                {line}\n" for line in more),
    )


def _arguments(record: Any, default: Any) -> list[str]:
    """What of a record is neither default nor filled in, as Python spells it."""
    return [
        f"{field.name}={getattr(record, field.name)!r}"
        for field in dataclasses.fields(record)
        if not field.metadata.get("filled_in")
        and getattr(record, field.name) != getattr(default, field.name)
    ]


def _names(names: Sequence[str]) -> str:
    return f"[{', '.join(map(repr, names))}]"


def command_line(requests: Sequence[Request], name: str = "") -> str:
    """The command that computes the same from the same store, without what is default.

    Args:
        requests: of one measure with one settings record.
        name: of the file it writes, without its ending; default: that of the measure.
    """
    first = requests[0]
    words = [f"python -m flatdiff measure {first.measure}"]
    words += [f"--checkpoint {shlex.quote(request.checkpoint)}" for request in requests]
    words += [f"--to {shlex.quote(partner.checkpoint)}" for partner in first.partners]
    words += settings_flags(first.settings)
    panel = Panel(dataset=first.panel.dataset)
    for flag, field in (("panel-size", "size"), ("panel-seed", "seed"), ("split", "split")):
        if getattr(first.panel, field) != getattr(panel, field):
            words.append(f"--{flag} {getattr(first.panel, field)}")
    return " \\\n    ".join([*words, f"--out {name or first.measure}.json"])


def settings_flags(settings: Any) -> list[str]:
    """A settings record as the command line spells it, without what is default or filled in."""
    default = type(settings)()
    chosen = [f.name for f in dataclasses.fields(settings) if not f.metadata.get("filled_in")]
    return [
        _flag(name.replace("_", "-"), getattr(settings, name))
        for name in chosen
        if getattr(settings, name) != getattr(default, name)
    ]


def _flag(name: str, value: Any) -> str:
    """One setting as the command line spells it: a switch, one value or several."""
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    values = value if isinstance(value, tuple) else (value,)
    return " ".join([f"--{name}", *(shlex.quote(str(each)) for each in values)])


def report_command(cards: Sequence[Card]) -> str:
    """The command that writes the same as one file."""
    words = [f"--checkpoint {shlex.quote(card.id)}" for card in cards]
    return " \\\n    ".join(["python -m flatdiff report", *words, "--out report.html"])
