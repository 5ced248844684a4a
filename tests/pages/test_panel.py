"""The panel that a person chooses is the one that is asked for, of all that is compared."""

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.engine.engine import Engine
from flatdiff.landscape.panel import Panel
from tests.pages.test_pages import PAGES, engine  # noqa: F401


@pytest.mark.parametrize("page", ["surface", "flatness", "radius", "curvature", "quantization"])
def test_a_link_with_another_panel_asks_for_it(engine: Engine, page: str) -> None:  # noqa: F811
    """Images, size and seed."""
    shown = AppTest.from_file(str(PAGES / f"measure/{page}.py"), default_timeout=30)
    for key, value in {
        "panel_split": "training images",
        "panel_size": "64",
        "panel_seed": "3",
    }.items():
        shown.query_params[key] = value
    shown.run()
    for run in [button for button in shown.button if button.label == "Run"]:
        run.click()
    shown.run()
    assert not shown.exception
    asked = {job.request.panel for job in engine.store.jobs(("queued",))}
    assert asked == {Panel(dataset="digits", split="train", size=64, seed=3)}
