"""Every page with networks of somebody's own: measured, or a sentence why not; no code is run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from flatdiff.checkpoints.card import Card, read_card
from flatdiff.checkpoints.weights_file import serialize_weights, write_checkpoint
from flatdiff.diffusion.own_flags import OwnFlags
from flatdiff.engine import engine as engine_module
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import DONE, Store
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.radius import RadiusSettings
from flatdiff.measures.request import make_request, unfit
from flatdiff.reports.sheet import PARTS
from tests.pages.stored import arrays_for
from tests.pages.test_pages import PAGES, opened, texts
from tests.subjects import card_of
from tests.tiny import gaussian

FLAGS = OwnFlags(
    network="nobody-has-it", code="0" * 64, own_loss=True, image_size=8, in_channels=1
)
ABSENT = {
    "measure/exposure.py": "exposure",
    "measure/samples.py": "samples",
    "measure/quality.py": "frechet",
    "teach/rescaling.py": "rescaling",
    "teach/rounding.py": "samples",
}
PRESENT = (
    "measure/surface.py",
    "measure/curvature.py",
    "measure/quantization.py",
    "understand/compare.py",
    "understand/ruler.py",
    "gallery/checkpoints.py",
    "gallery/train.py",
)


@pytest.fixture
def engine(store: Store, tmp_path: Path) -> Iterator[Engine]:
    """With mine/adm and mine/sam alone; never started."""
    for seed, name in enumerate(("adm", "sam")):
        content, digest = serialize_weights({"0.weight": gaussian(3, 4, seed=seed)})
        card = card_of(FLAGS, family="mine", name=name, method=name, digest=digest, recipe=None)
        write_checkpoint(tmp_path / "root" / card.id, card, content)
    made = Engine(store=store, root=tmp_path / "root", adopt=True)
    engine_module._engines[os.getpid()] = made
    yield made
    del engine_module._engines[os.getpid()]


def cards_of(engine: Engine) -> list[Card]:
    """Both."""
    return [read_card(engine.root, f"mine/{name}") for name in ("adm", "sam")]


@pytest.mark.parametrize("page", ABSENT)
def test_a_page_of_diffusion_models_says_what_it_wants(page: str, engine: Engine) -> None:
    shown = opened(page)
    assert not shown.exception
    reasons = [warning.value for warning in shown.warning]
    expected = [
        f"mine/{card.name} is left out here: {unfit(ABSENT[page], card)}."
        for card in cards_of(engine)
    ]
    assert [text.replace("\\", "") for text in reasons] == expected


@pytest.mark.parametrize("page", PRESENT)
def test_a_page_that_asks_for_losses_opens(page: str, engine: Engine) -> None:
    shown = opened(page)
    assert not shown.exception
    assert not shown.error


def filled(engine: Engine, measure: str, settings: object) -> None:
    """What workers would have stored; there is one timestep, as there is none."""
    for card in cards_of(engine):
        request = make_request(measure, card, settings)
        engine.store.submit(request)
        arrays = [arrays_for(item, settings) for item in request.items]
        for own in arrays:
            if "timesteps" in own:
                own |= {"timesteps": own["timesteps"] * 0, "num_steps": own["num_steps"] * 0 + 1}
        engine.store.put_tile(request.key, 0, arrays, 1.0, "{}")
        engine.store.finish(request.key, DONE)


@pytest.mark.parametrize(
    ("page", "measure", "settings"),
    [
        ("measure/flatness.py", "lpf", LpfSettings()),
        ("measure/radius.py", "radius", RadiusSettings()),
    ],
)
def test_results_are_shown_without_timesteps(
    page: str, measure: str, settings: object, engine: Engine
) -> None:
    filled(engine, measure, settings)
    shown: AppTest = opened(page)
    assert not shown.exception
    told = texts(shown).replace("\\", "")
    assert "Left out, as a loss of one's own has no timesteps: mine/adm, mine/sam." in told
    assert len(shown.get("plotly_chart")) == 1


def test_the_sheet_leaves_out_what_is_asked_of_diffusion_models(engine: Engine) -> None:
    filled(engine, "lpf", LpfSettings())
    shown = AppTest.from_file(str(PAGES / "understand/compare.py"), default_timeout=30)
    for part in PARTS:
        shown.session_state[f"part-{part.name}"] = True
    told = texts(shown.run())
    assert told.count("None of these checkpoints is a diffusion model") == 3


def test_a_server_with_such_networks_warms_up(engine: Engine) -> None:
    """What the claim is about is put together for diffusion models alone."""
    import app

    cards = [read_card(engine.root, f"mine/{name}") for name in ("adm", "sam")]
    app.assemble(engine, cards)
