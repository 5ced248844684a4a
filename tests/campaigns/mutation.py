"""Bytes that a program wrote, changed as damage, carelessness or malice would change them."""

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

Way = Callable[[bytes, random.Random], bytes]

NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")
NUMBERS = [b"0", b"-1", b"1e308", b"1e999", b"-1e999", b"NaN", b"0.5", b"2", b"4294967296"]
NUMBERS += [str(2**power).encode() for power in (31, 53, 63, 64, 200)] + [b"9" * 5000]
WIDTHS = (1, 2, 4, 8)  # bytes of an integer in a binary format
VALUES: list[Any] = [None, True, 0, -1, 2**53, 2**64, 10**400, 1e308, float("nan"), float("inf")]
VALUES += ["", "\0", "\ud800", "x" * 30_000, "../../etc/passwd", "0", "1e308", "1,1,1"]
VALUES += [[], {}, [[]], {"": {}}, [1, "x"], [None] * 3000]
TEXTS = [b"", b"\0", b"\xff\xfe", b'"', b"{", b"}", b"[" * 5000, b",", b":", b"\\ud800", b"PK\3\4"]
COUNTS = (1, 1, 1, 2, 3, 8)  # changes of one input


def mutated(valid: bytes, others: Sequence[bytes], draw: random.Random) -> bytes:
    """A few changes of valid bytes, one after the other.

    Args:
        valid: to begin with.
        others: of the same format, from which pieces are taken.
        draw: of what and where.
    """
    content = valid
    for _ in range(draw.choice(COUNTS)):
        if draw.random() < 0.1:
            content = spliced(content, draw.choice(others), draw)
        else:
            content = draw.choice(WAYS)(content, draw)
    return content


def spliced(content: bytes, other: bytes, draw: random.Random) -> bytes:
    """The beginning of one and the end of another."""
    return content[: _place(content, draw)] + other[_place(other, draw) :]


def _place(content: bytes, draw: random.Random) -> int:
    return draw.randrange(len(content) + 1)


def _flipped(content: bytes, draw: random.Random) -> bytes:
    if not content:
        return content
    changed = bytearray(content)
    changed[draw.randrange(len(content))] ^= draw.choice([1 << draw.randrange(8), 255])
    return bytes(changed)


def _cut(content: bytes, draw: random.Random) -> bytes:
    """Its end is gone, or a piece of it."""
    begin = _place(content, draw)
    return content[:begin] + draw.choice([b"", content[_place(content, draw) :]])


def _inserted(content: bytes, draw: random.Random) -> bytes:
    place = _place(content, draw)
    noise = draw.randbytes(draw.choice([1, 4, 100]))
    return content[:place] + draw.choice([*TEXTS, noise]) + content[place:]


def _repeated(content: bytes, draw: random.Random) -> bytes:
    begin, end = sorted((_place(content, draw), _place(content, draw)))
    piece = content[begin : min(end, begin + 1000)]
    return content[:end] + piece * draw.choice([1, 2, 50]) + content[end:]


def _renumbered(content: bytes, draw: random.Random) -> bytes:
    """A number that is written in digits becomes an extreme one."""
    found = list(NUMBER.finditer(content))
    if not found:
        return content
    begin, end = draw.choice(found).span()
    return content[:begin] + draw.choice(NUMBERS) + content[end:]


def _extreme(content: bytes, draw: random.Random) -> bytes:
    """A number that is written in bytes becomes an extreme one."""
    width = draw.choice(WIDTHS)
    place = _place(content, draw)
    value = draw.choice([0, 1, 2 ** (8 * width) - 1, 2 ** (8 * width - 1)])
    return content[:place] + value.to_bytes(width, "little") + content[place + width :]


def _revalued(content: bytes, draw: random.Random) -> bytes:
    """One value of a JSON text becomes another, is gone, or gets a neighbour."""
    try:
        root = json.loads(content)
    except (ValueError, RecursionError):
        return content
    within, step = _walk(root, draw)
    if within is None:
        return json.dumps(draw.choice(VALUES)).encode()
    if isinstance(within, dict) and draw.random() < 0.2:
        value = within.pop(step)
        within.update(draw.choice([{}, {"more": value}, {str(step) * 50: value}]))
    else:
        within[step] = draw.choice(VALUES)
    return json.dumps(root).encode()


def _walk(root: Any, draw: random.Random) -> tuple[Any, Any]:
    """A random place in plain data: what it is in, and its name or number there."""
    within, step, value = None, None, root
    while isinstance(value, dict | list) and value and (within is None or draw.random() < 0.7):
        within = value
        step = draw.choice(list(value) if isinstance(value, dict) else range(len(value)))
        value = value[step]
    return within, step


WAYS: list[Way] = [_flipped, _cut, _inserted, _repeated, _renumbered, _extreme]
WAYS += [_revalued] * 3  # where it is no JSON, nothing changes
