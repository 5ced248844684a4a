"""Roles and rights: the table, and that whatever writes asks it."""

import ast
import re
from collections.abc import Iterator

import pytest

from flatdiff.errors import FlatdiffError
from flatdiff.system.access import PASSWORD, RIGHTS, Action, Role, may, require_right, role
from flatdiff.system.files import PROJECT_ROOT


@pytest.mark.parametrize(
    ("password", "read_only", "expected"),
    [("", "", Role.OWNER), ("x", "0", Role.MEMBER), ("", "1", Role.GUEST), ("x", "1", Role.GUEST)],
)
def test_one_role_a_server(
    monkeypatch: pytest.MonkeyPatch, password: str, read_only: str, expected: Role
) -> None:
    """By what it was started with."""
    monkeypatch.setenv(PASSWORD, password)
    monkeypatch.setenv("FLATDIFF_READ_ONLY", read_only)
    assert role() is expected


def test_guests_measure_and_change_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two rights of a guest, written out here; others may everything."""
    monkeypatch.setenv("FLATDIFF_READ_ONLY", "1")
    assert {action for action in Action if may(action)} == {Action.MEASURE, Action.CANCEL_OWN}
    with pytest.raises(FlatdiffError, match="Clearing the store is not possible here"):
        require_right(Action.CLEAR)
    assert all({Role.OWNER, Role.MEMBER} <= RIGHTS[action] for action in Action)


def _asked() -> Iterator[str]:
    """Actions of every `require_right(Action.X)` below flatdiff/."""
    for path in (PROJECT_ROOT / "flatdiff").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "require_right":
                yield ast.unparse(node.args[0]).removeprefix("Action.")


def test_every_action_asks_for_its_right() -> None:
    """Where it is done, not only where its button is drawn."""
    assert set(_asked()) == {action.name for action in Action}


# What changes the store or the disk without asking; pages must go through what does ask.
BEHIND_THE_TABLE = re.compile(
    r"store\.(delete|submit|finish|request_cancel|put_\w+|extend)\b|database\.compact\b"
    r"|\b(atomic_write\w*|rmtree|unlink|rmdir|mkdir|write_text|write_bytes|discard|publish)\("
)


def test_no_page_writes_behind_the_table() -> None:
    """In no line of a page is one of them called; the set of `_left` is no folder."""
    lines = [
        f"{path.name}: {line.strip()}"
        for path in (PROJECT_ROOT / "pages").rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if BEHIND_THE_TABLE.search(line) and "_left().discard" not in line
    ]
    assert lines == []


def test_the_documented_table_is_the_table() -> None:
    """docs/security.md, row by row."""
    text = (PROJECT_ROOT / "docs/security.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+) \| (yes|no) \| (yes|no) \| (yes|no) \|$", text, re.MULTILINE)
    written = {
        Action(action): {r for r, cell in zip(Role, cells, strict=True) if cell == "yes"}
        for action, *cells in rows
    }
    assert written == {action: set(roles) for action, roles in RIGHTS.items()}
    assert "| action | owner | member | guest |" in text
