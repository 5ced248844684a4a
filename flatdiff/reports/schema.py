"""A schema says which fields a result has in a file: of what type, in which unit, what they mean.

It is made of the result's own record: a field that is added to it is in the schema, with the
comment that stands behind it.
"""

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Sequence
from functools import cache
from typing import Any

from flatdiff.measures import MEASURES
from flatdiff.reports.measured import Measured

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NUMBER = {"type": ["number", "null"]}  # null where it is not finite, or not known yet
# Of columns that are not pure numbers, by their names; errors have the unit of what they are of.
UNITS = {
    "pixel_change": "of 255",
    "file_bytes": "bytes",
    "packed_bytes": "bytes",
    "relative_norms": "of |theta|",
    "relative_perturbation_norm": "of |theta|",
    "relative_distance": "of |theta|",
    "relative_error": "of |W|",
}
FIELD = re.compile(r"    (\w+): [^#\n]*(?:#\s*(.*))?")


def with_unit(column: str) -> str:
    """A table's column as a file's header has it.

    >>> with_unit("pixel_change_stderr"), with_unit("bits")
    ('pixel_change_stderr [of 255]', 'bits')
    """
    unit = UNITS.get(column.removesuffix("_stderr"))
    return f"{column} [{unit}]" if unit else column


def schema_name(measure: str) -> str:
    """By which a file says what its fields are: of a measure and its version."""
    return f"flatdiff/{measure}/{MEASURES[measure].version}"


def schema_of(measure: str) -> dict[str, Any]:
    """The JSON schema of one record in a JSON file; files of several have a list of them."""
    result = result_type(measure)
    hints, meanings = typing.get_type_hints(result), comments(result)
    fields = {
        field.name: {**_type(hints[field.name]), "description": meanings.get(field.name, "")}
        for field in dataclasses.fields(result)
        if field.metadata.get("json", True)
    }
    return {
        "$schema": DIALECT,
        "$id": schema_name(measure),
        "title": MEASURES[measure].question,
        "type": "object",
        "properties": {"schema": {"const": schema_name(measure)}, **fields},
        "required": ["schema", "checkpoint", "settings", "panel", *fields],
    }


def readme(items: Sequence[Measured]) -> str:
    """What the arrays of an NPZ file are."""
    meanings = comments(type(items[0].result))
    lines = [f"{name}: {meanings.get(name, '')}" for name in vars(items[0].result)]
    names = [f"{n}: {item.provenance['checkpoint']}" for n, item in enumerate(items)]
    return "\n".join(
        [
            f"{MEASURES[items[0].measure].question} ({schema_name(items[0].measure)})",
            "<n>/<field>, and <n>/provenance as JSON, of each checkpoint n:",
            *names,
            "Fields:",
            *lines,
        ]
    )


def result_type(measure: str) -> type:
    """Of a measure: what its `assemble` returns."""
    return typing.get_type_hints(MEASURES[measure].assemble)["return"]


@cache
def comments(record: type) -> dict[str, str]:
    """What stands behind each field of a record in its source, the whole of its lines."""
    found = {}
    for kind in reversed(record.__mro__[:-1]):
        above = ""
        for line in inspect.getsource(kind).splitlines():
            if line.startswith("    # "):
                above = f"{above} {line.strip(' #')}".strip()
            elif match := FIELD.fullmatch(line):
                said = " ".join(part for part in (above, match[2] or "") if part)
                found[match[1]], above = said, ""
            else:
                above = ""
    return found


def _type(hint: Any) -> dict[str, Any]:
    """Of a field: arrays are lists of lists of numbers, records objects."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_type(one) for one in arguments]}
    if hint is type(None):
        return {"type": "null"}
    if hint is bool:
        return {"type": "boolean"}
    if hint in (int, float):
        return NUMBER
    if hint is str or origin is typing.Literal:
        return {"type": "string"}
    if origin is tuple or "ndarray" in str(hint).lower():
        return {"type": "array"}
    return {"type": "object"}
