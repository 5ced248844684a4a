"""How a page waits for its first picture: for what is being computed, and not a blink longer."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flatdiff.checkpoints.card import read_card
from flatdiff.engine.engine import Engine, Handle
from flatdiff.measures.request import make_request
from flatdiff.measures.surface import SurfaceSettings
from pages.shared import looks
from tests.pages.stored import arrays_for
from tests.pages.test_pages import engine

__all__ = ["engine"]


@pytest.fixture
def handle(engine: Engine, tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> Handle:
    """Of a surface that is queued, and a session that knows when Run was pressed."""
    monkeypatch.setattr(looks.st, "session_state", {})
    settings = SurfaceSettings(mode="interpolated")
    request = make_request("surface", read_card(tiny_root, "tiny/adm"), settings)
    engine.store.submit(request)
    return engine.handle(request)


def blinks(monkeypatch: pytest.MonkeyPatch, handle: Handle, at: Callable[[int], object]) -> int:
    """How often a page blinks before it goes on, when something happens at each blink."""
    seen = list[float]()
    monkeypatch.setattr(looks.time, "sleep", lambda s: seen.append(s) or at(len(seen)))
    looks.wait_for_a_picture([handle])
    return len(seen)


def test_a_picture_ends_the_wait(
    engine: Engine,
    handle: Handle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At once: nine points and the checkpoint itself, and not the first of them."""
    engine.store.claim(handle.key)
    looks.note_press()
    request = handle.request
    *most, last = request.first_plan[: request.num_sketched]

    def come(blink: int) -> None:
        for position in {2: most, 4: [last]}.get(blink, []):
            results = [arrays_for(request.items[position], request.settings)]
            engine.store.put_tile(request.key, position, results, 1.0, "{}")

    assert blinks(monkeypatch, handle, come) == 4
    assert looks.details([handle]) > 0


def test_nobody_waits_for_a_queue_or_for_a_job_of_long_ago(
    engine: Engine,
    handle: Handle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page looks again in a moment anyhow."""
    looks.note_press()
    assert blinks(monkeypatch, handle, lambda _: None) == 0
    engine.store.claim(handle.key)
    looks.st.session_state.clear()
    assert blinks(monkeypatch, handle, lambda _: None) == 0


def test_a_wait_ends_by_itself(
    engine: Engine,
    handle: Handle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before the next look, whatever the clock is."""
    engine.store.claim(handle.key)
    now = [0.0]
    monkeypatch.setattr(looks.time, "monotonic", lambda: now[0])
    looks.note_press()

    def tick(_blink: int) -> None:
        now[0] += looks.BLINK_S

    assert 0 < blinks(monkeypatch, handle, tick) <= looks.FIRST_LOOK_S / looks.BLINK_S
