"""A widget's key is its name in the link; Streamlit carries what it holds from page to page."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PAGES = Path(__file__).resolve().parents[2] / "pages"
CHOICES = {"selectbox", "multiselect", "pills", "segmented_control", "select_slider"}
# Where their key stands.
OURS = {"whole_number": 1, "number": 1, "one_of": 1, "switch": 1, "_of": 1, "_step": 1}


def named_widgets(source: str) -> Iterator[tuple[str, str]]:
    """(key, what it is) of every call with a literal key; for a choice, with what there is."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        kind = ast.unparse(call.func).split(".")[-1]
        keys = [word.value for word in call.keywords if word.arg == "key"]
        keys += call.args[OURS[kind] : OURS[kind] + 1] if kind in OURS else []
        options = ast.unparse(call.args[1]) if kind in CHOICES else ""
        for key in keys:
            if isinstance(key, ast.Constant):
                yield str(key.value), f"{kind} {options}".strip()


def test_a_key_is_the_same_widget_on_every_page() -> None:
    """Else the choice of one page would press a button, or leave a box empty, on another."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in PAGES.rglob("*.py"):
        for key, widget in named_widgets(path.read_text("utf-8")):
            found[key].add(widget)
    assert len(found) > 50
    assert {key: kinds for key, kinds in found.items() if len(kinds) > 1} == {}
