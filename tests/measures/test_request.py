"""Keys: another one as soon as any number could differ, the same one otherwise."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from flatdiff.errors import SettingsError
from flatdiff.landscape.panel import Panel
from flatdiff.measures import MEASURES
from flatdiff.measures.lpf import LpfSettings
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.request import Partner, Request, make_request
from flatdiff.measures.surface import SurfaceSettings
from tests.subjects import card_of, changed, surface_request
from tests.tiny import TINY, command_line

BASE = surface_request()

OTHER_KEYS: list[dict[str, Any]] = [
    {"architecture": "b" * 64},
    {"checkpoint_digest": "1" * 64},
    {"panel": Panel(size=4, seed=1)},
    {"panel": Panel(size=5)},
    {"panel": Panel(size=4, split="train")},
    {"panel": Panel(size=4, dataset="cifar10")},
    {"settings": changed(BASE.settings, resolution=6)},
    {"settings": changed(BASE.settings, span=1.0000001)},
    {"settings": changed(BASE.settings, normalization="layer")},
    {"settings": changed(BASE.settings, seed=1)},
    {"settings": changed(BASE.settings, dimensions=2)},
    {"measure": "lpf", "settings": LpfSettings()},
]


def test_each_ingredient_has_its_own_key() -> None:
    """One change at a time; two equal keys would serve one question's numbers to the other."""
    keys = {BASE.key, *(changed(BASE, **changes).key for changes in OTHER_KEYS)}
    assert len(keys) == 1 + len(OTHER_KEYS)


def test_measures_of_equal_settings_have_their_own_keys() -> None:
    """Seed and size may agree in name and value; the measure's name and version must tell."""
    requests = []
    for name, measure in MEASURES.items():
        settings = measure.settings_type()
        partners = (Partner("a/b", "1" * 64),) * measure.min_partners(settings)
        requests.append(changed(BASE, measure=name, settings=settings, partners=partners))
    assert len({request.key for request in requests}) == len(MEASURES)


def test_raised_version_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of an older definition must not answer for the newer one."""
    newer = changed(MEASURES["surface"], version=MEASURES["surface"].version + 1)
    monkeypatch.setitem(MEASURES, "surface", newer)
    assert surface_request().key != BASE.key


def test_names_do_not_enter() -> None:
    """A renamed copy has the same weights, hence the same numbers."""
    assert changed(BASE, checkpoint="x/y").key == BASE.key


def test_flags_that_leave_no_trace_in_the_weights_enter() -> None:
    """A card corrected by hand: same weights, other network, other numbers; dropout is off."""
    flags = (TINY, changed(TINY, noise_schedule="linear"), changed(TINY, num_head_channels=8))
    keys = {make_request("lpf", card_of(f), LpfSettings()).key for f in flags}
    assert len(keys) == 3
    assert make_request("lpf", card_of(changed(TINY, dropout=0.5)), LpfSettings()).key in keys


REQUESTS = [
    BASE,
    changed(BASE, settings=SurfaceSettings(resolution=3, resolution_b=7, span=0.1)),
    changed(BASE, measure="lpf", settings=LpfSettings(lpf_sigma=1 / 3)),
    changed(BASE, measure="quantization", settings=QuantizationSettings(bits=(8, 2))),
    changed(BASE, checkpoint="Ünï 😀/<script>", panel=Panel(size=7, seed=9)),
]


@pytest.mark.parametrize("request_", REQUESTS)
def test_comes_back_from_json_equal(request_: Request) -> None:
    """The worker and the next program see this text only."""
    again = Request.from_json(request_.to_json())
    assert again == request_
    assert again.key == request_.key
    assert again.items == request_.items


def test_key_is_the_same_in_another_process() -> None:
    """Nothing of a process (hash seed, dict order, address) may enter a key that is stored."""
    code = (
        "import sys; from flatdiff.measures.request import Request\n"
        "print(Request.from_json(sys.argv[1]).key)"
    )
    for request in REQUESTS[:2]:
        done = command_line(request.to_json(), code=code)
        assert done.stdout.strip() == request.key, done.stderr


DAMAGE: list[tuple[dict[str, Any], str]] = [
    ({"measure": "hardness"}, "measure must be one of surface, .*; got 'hardness'"),
    ({"settings": {"resolution": 1}}, "resolution must be"),
    ({"settings": {"colour": "red"}}, "settings has unknown entries: colour"),
    ({"panel": {"size": 0}}, "panel size must be"),
    ({"panel": {"sizes": 4}}, "panel has unknown entries: sizes"),
]


@pytest.mark.parametrize(("changes", "sentence"), DAMAGE)
def test_what_this_program_does_not_know_is_refused(
    changes: dict[str, Any], sentence: str
) -> None:
    """A store may hold requests of a newer flatdiff; each is one sentence, no traceback."""
    text = json.dumps({**json.loads(BASE.to_json()), **changes})
    with pytest.raises(SettingsError, match=sentence):
        Request.from_json(text)


@pytest.mark.parametrize("request_", REQUESTS)
def test_costs_are_those_of_the_items(request_: Request) -> None:
    """Progress and estimate count items one by one, on the request's own panel."""
    cost = request_.definition.image_forwards
    each = [cost(request_.settings, item, request_.panel.size) for item in request_.items]
    runs = request_.runs(range(len(each)))
    assert [run.image_forwards for run in runs for _ in range(run.count)] == each
    kinds = [(run.word, run.image_forwards) for run in runs]
    assert all(a != b for a, b in itertools.pairwise(kinds)), "alike ones are one run"


def test_request_for_a_card(tmp_path: Path) -> None:
    """Digest and dataset come from the card; equal flags share a speed, other flags do not."""
    card = card_of(digest="7" * 64, dataset="cifar10", family="f", name="n")
    request = make_request("lpf", card, LpfSettings())
    assert (request.checkpoint, request.checkpoint_digest) == ("f/n", "7" * 64)
    assert request.panel == Panel(dataset="cifar10")
    other = make_request("surface", card_of(), SurfaceSettings(), Panel(size=3))
    assert other.architecture == request.architecture
    assert other.panel == Panel(size=3)
    wide = make_request("lpf", card_of(changed(TINY, num_channels=64)), LpfSettings())
    assert wide.architecture != request.architecture


LINE = SurfaceSettings(axes="checkpoints", dimensions=1)


def test_partners_are_part_of_the_key() -> None:
    """Another end of the line is another measurement; the name alone is not."""
    ends = [card_of(name=name, digest=sha * 64) for name, sha in (("a", "1"), ("b", "2"))]
    keys = {make_request("surface", card_of(), LINE, partners=[end]).key for end in ends}
    assert len(keys) == 2
    renamed = make_request("surface", card_of(), LINE, partners=[changed(ends[0], name="c")])
    assert renamed.key in keys


@pytest.mark.parametrize(
    ("settings", "count", "sentence"),
    [
        (LINE, 0, "further checkpoints must be at least 1; got 0"),
        (changed(LINE, dimensions=2), 1, "further checkpoints must be at least 2; got 1"),
        (SurfaceSettings(), 1, "further checkpoints must be none; got 1"),
    ],
)
def test_partners_must_fit_the_settings(
    settings: SurfaceSettings, count: int, sentence: str
) -> None:
    """A plane needs three checkpoints, random directions need no other."""
    with pytest.raises(SettingsError, match=sentence):
        make_request("surface", card_of(), settings, partners=[card_of()] * count)


def test_partners_of_another_shape_are_refused() -> None:
    """Dropout leaves no trace in the weights; channels do."""
    wide = card_of(changed(TINY, num_channels=64), name="wide")
    with pytest.raises(
        SettingsError, match=r"of the architecture of digits/adm; got 'digits/wide'"
    ):
        make_request("surface", card_of(), LINE, partners=[wide])
    make_request("surface", card_of(), LINE, partners=[card_of(changed(TINY, dropout=0.3))])


ELSEWHERE: list[tuple[str, Any, str]] = [
    ("measure", [], "measure"),
    ("checkpoint", 5, "checkpoint must be text"),
    ("checkpoint_digest", None, "checkpoint_digest must be text"),
    ("panel", {"dataset": 5}, "panel dataset must be text"),
    ("panel", [], "panel must be a table"),
    ("settings", {"lpf_sigma": "x"}, "settings has a value of a wrong kind"),
    ("settings", {"lpf_sigma": []}, "settings is incomplete"),
    ("partners", [{"checkpoint": 1, "digest": ""}], "checkpoint must be text"),
    ("partners", 1, "not iterable"),
]


@pytest.mark.parametrize(("name", "value", "word"), ELSEWHERE)
def test_a_request_from_elsewhere_is_refused_or_a_request(
    name: str, value: Any, word: str
) -> None:
    """A store may come from anybody; such a job is shown as unreadable, and no page ends."""
    whole = json.loads(make_request("lpf", card_of(), LpfSettings()).to_json())
    text = json.dumps({**whole, name: value})
    with pytest.raises(SettingsError, match=word):
        Request.from_json(text)
    del whole[name]
    with pytest.raises(SettingsError, match=f"an entry is missing: '{name}'"):
        Request.from_json(json.dumps(whole))
