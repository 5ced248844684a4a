"""Every page, while the disk holds what nobody should have written: it shows the rest."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from flatdiff.engine.engine import Engine
from flatdiff.system.foreign_json import MAX_WHOLE
from tests.pages.test_foreign import tiny_root  # noqa: F401  (a fixture)
from tests.pages.test_pages import engine, fill, opened, requests_of, texts  # noqa: F401
from tests.pages.test_server import PAGES
from tests.tiny import rewrite_card
from tests.training.test_run_folder import begun, write

# What one entry of a card says; the last ones can be shown, so they are listed.
CARDS: dict[str, dict[str, Any]] = {
    "endless": {"step": 10**400},
    "nan": {"loss_history": [[1, math.nan], [2, math.inf]]},
    "half": {"method": "\ud800", "environment": {"torch": "\udcff"}},
    "nested": {"origin": [[[]]]},
    "greatest": {"step": MAX_WHOLE, "num_parameters": MAX_WHOLE, "loss_history": [[1, 1e308]]},
    "negative": {"loss_history": [[-5, -1e308], [0, 0]]},
    "wordy": {"method": "m" * 20_000, "split": "s" * 20_000, "digest": "d" * 20_000},
    "empty": {"method": "", "dataset": "", "split": "", "digest": ""},
}
LISTED = {"greatest", "negative", "wordy", "empty"}


@pytest.fixture
def evil(engine: Engine) -> Engine:  # noqa: F811
    """Such cards, runs and rows, and folders whose names are not UTF-8, beside two good ones."""
    for name, changes in CARDS.items():
        folder = Path(shutil.copytree(engine.root / "tiny/adm", engine.root / "tiny" / name))
        rewrite_card(folder, **changes)
    _spoil_names(engine.root)
    run = begun(engine.root, "mine")
    write(run, "stopped")
    rows = [{"phase": "began", "step": 10**400}, {"phase": "failed", "reason": "\ud800"}]
    row = {"step": 5, "num_steps": 5, "loss": 10**350, "low": 0.1, "high": 0.1, "seconds": 1.0}
    with run.history_file.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in [*rows, row])
    for request in requests_of(engine, "measure/flatness.py"):
        fill(engine, request)
        with engine.store.database.transaction() as db:
            db.execute("UPDATE jobs SET finished_at = 1e300 WHERE key = ?", (request.key,))
    return engine


def _spoil_names(root: Path) -> None:
    try:
        shutil.copytree(root / "tiny" / "adm", root / "tiny" / "caf\udce9")
        (root / "fam\udcff" / "adm.training").mkdir(parents=True)
    except (OSError, UnicodeError):
        pytest.skip("this disk takes UTF-8 alone")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_the_rest(evil: Engine, page: str) -> None:
    """None ends with an exception; before, one such card took a dozen down."""
    assert not opened(page).exception


def test_the_gallery_names_what_it_leaves_out(evil: Engine) -> None:
    """A sentence each, and a way to be rid of those that can be named."""
    shown = opened("gallery/checkpoints.py")
    said = [warning.value for warning in shown.warning]
    for name in CARDS:
        assert any(f"tiny\\/{name} is left out" in w for w in said) == (name not in LISTED)
    assert any("caf" in w and "not UTF\\-8" in w for w in said)
    deletable = {button.label for button in shown.button if button.label.startswith("Delete ")}
    assert deletable == {f"Delete tiny\\/{name}" for name in CARDS if name not in LISTED}
    assert any(
        "fam" in w.value and "not UTF-8" in w.value for w in opened("gallery/train.py").warning
    )
