"""Exports, read back with other people's readers: json, pandas, NumPy, Pillow, shlex."""

import dataclasses
import io
import json
import shlex
import warnings
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from flatdiff.checkpoints.card import write_card
from flatdiff.engine.engine import Handle
from flatdiff.engine.store import Store
from flatdiff.errors import EngineError, SettingsError
from flatdiff.landscape.panel import Panel, panel_digest
from flatdiff.measures import MEASURES
from flatdiff.measures.quantization import QuantizationSettings
from flatdiff.measures.request import Request
from flatdiff.measures.sensitivity import SensitivitySettings
from flatdiff.reports.formats import FORMATS, formats_for
from flatdiff.reports.measured import measured
from flatdiff.reports.reproduce import command_line
from flatdiff.reports.schema import schema_of, with_unit
from tests.results import PROVENANCE, RESULTS, atlas, nearby, samples, surface
from tests.results import measured_item as item
from tests.subjects import arrays_of, card_of, changed, surface_request


def strict(content: bytes) -> Any:
    """JSON without Python's own NaN and Infinity."""

    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not JSON")

    return json.loads(content, parse_constant=refuse)


def same(shown: Any, value: Any) -> bool:
    """A field as JSON against the record's: null where not finite, else equal."""
    if isinstance(shown, list):
        value = list(value)
        return len(shown) == len(value) and all(map(same, shown, value))
    return shown == value if shown is not None else not np.isfinite(value)


# A number a perturbation and panel member is too long for text.
ONLY_IN_NPZ = {
    *("pair_gaps", "member_gaps", "member_rises"),
    *("influences", "by_image", "point_images"),
}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("count", [None, 0, 1])
def test_json_has_every_field_at_the_top(measure: str, count: int | None) -> None:
    """Whole and in the making; a strict parser finds each field under its own name."""
    result = RESULTS[measure](count)
    record = strict(FORMATS[".json"].export([item(measure, result)]))
    fields = {field.name for field in dataclasses.fields(result)} - ONLY_IN_NPZ
    assert record.keys() == fields | PROVENANCE.keys() | {"schema"}
    jsonschema.validate(record, schema_of(measure))
    assert not fields & PROVENANCE.keys()
    assert all(same(record[name], getattr(result, name)) for name in fields)
    assert record["checkpoint"] == "digits/adm"


def test_json_of_several_checkpoints_is_a_list() -> None:
    """In the order given."""
    content = FORMATS[".json"].export(
        [item("lpf", RESULTS["lpf"](), name) for name in ("a/b", "c/d")]
    )
    assert [record["checkpoint"] for record in strict(content)] == ["a/b", "c/d"]


@pytest.mark.parametrize("measure", MEASURES)
def test_csv_through_pandas(measure: str) -> None:
    """Two checkpoints in one table, read without an option, to the last digit but one."""
    result = RESULTS[measure]()
    content = FORMATS[".csv"].export([item(measure, result, "a/#b"), item(measure, result, "c/d")])
    table = pd.read_csv(io.BytesIO(content))
    assert table.columns[0] == "checkpoint"
    half = len(table) // 2
    assert table.checkpoint.tolist() == ["a/#b"] * half + ["c/d"] * half
    named = {"samples": "pixel_change", "exposure": "gap", "frechet": "frechet"}
    named |= {"nearby": "relative_distance", "atlas": "pixel_change"}
    named |= {"blocks": "noise_rise", "similarity": "cka"}
    named |= dict.fromkeys(("surface", "sensitivity", "sharpness"), "rise")
    name = named.get(measure, "loss")
    expected = {
        "surface": lambda: (result.loss - result.base_loss).ravel(),
        "lpf": lambda: [result.loss],
        "nearby": lambda: [result.relative_distance],
        "atlas": lambda: result.pixel_change.ravel(),
        "similarity": lambda: result.cka[..., [0, 0, 1], [1, 2, 2]].T.swapaxes(1, 2).ravel(),
        "sensitivity": lambda: np.sort(result.rise)[::-1],
    }.get(measure, lambda: getattr(result, name))()
    np.testing.assert_allclose(
        table[with_unit(name)][:half], expected, rtol=1e-14
    )  # pandas 2 reads so
    assert f'"{"0" * 64}"' in content.decode()
    assert {strict(text.encode()) == {} for text in table["settings"]} == {True}
    assert (
        table[["panel", "settings", "environment", "computed_at", "seconds", "key"]]
        .notna()
        .to_numpy()
        .all()
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_csv_of_a_result_in_the_making(measure: str) -> None:
    """A whole one beside an empty one, without a warning: pandas warns where types disagree."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        content = FORMATS[".csv"].export(
            [item(measure, RESULTS[measure](0), "a/b"), item(measure, RESULTS[measure](), "c/d")]
        )
    table = pd.read_csv(io.BytesIO(content))
    assert (table.checkpoint == "c/d").sum() > 0


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("count", [None, 0])
def test_npz_without_pickle(measure: str, count: int | None) -> None:
    """NumPy refuses object arrays here; every field comes back bit by bit, NaN included."""
    result = RESULTS[measure](count)
    content = FORMATS[".npz"].export([item(measure, result, "a/b"), item(measure, result, "c/d")])
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        assert json.loads(str(archive["1/provenance"]))["checkpoint"] == "c/d"
        told = str(archive["README"])
        assert "1: c/d" in told
        assert all(f"\n{name}: " in told for name in vars(result))
        for index in (0, 1):
            for name, value in vars(result).items():
                stored, original = archive[f"{index}/{name}"], np.asarray(value)
                assert (stored.dtype, stored.shape) == (original.dtype, original.shape)
                assert stored.tobytes() == original.tobytes()


def test_png_shows_the_images_and_says_where_they_come_from() -> None:
    """Pillow reads it back: a row a bit width, and each image's middle pixels in their places."""
    result = samples()
    with Image.open(io.BytesIO(FORMATS[".png"].export([item("samples", result)]))) as image:
        pixels = np.asarray(image)
        provenance = json.loads(image.info["flatdiff"])
    assert provenance == [{**PROVENANCE, "measure": "samples"}]
    scale, step = 6, 9 * 6
    assert pixels.shape == (2 * step - scale, 3 * step - scale)
    for row in range(2):
        for column in range(3):
            top, left = row * step + scale // 2, column * step + scale // 2
            shown = pixels[top : top + 8 * scale : scale, left : left + 8 * scale : scale]
            assert np.array_equal(shown, result.images[row, column, :, :, 0])


def test_png_of_checkpoints_that_are_not_equally_far() -> None:
    """A column is one noise: only the columns that every row has."""
    result = samples()
    fewer = changed(result, images=result.images[:, :2])
    content = FORMATS[".png"].export([item("samples", result), item("samples", fewer)])
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (2 * 9 * 6 - 6, 4 * 9 * 6 - 6)


def test_png_of_networks_of_different_images() -> None:
    """Grey of 8 pixels beside colour of 20: the small one in pixels twice as large, on grey."""
    small = samples()
    bits, count = small.images.shape[:2]
    colours = np.random.default_rng(0).integers(0, 256, (bits, count, 20, 20, 3), np.uint8)
    large = changed(small, images=colours)
    content = FORMATS[".png"].export([item("samples", small), item("samples", large)])
    with Image.open(io.BytesIO(content)) as image:
        pixels = np.asarray(image)[::3, ::3]  # a pixel is three of the screen
    first, below = pixels[:20, :20], pixels[bits * 21 : bits * 21 + 20, :20]
    assert np.array_equal(first[:16:2, :16:2, 0], small.images[0, 0, :, :, 0])
    assert np.array_equal(first[1:16:2, 1:16:2, 2], small.images[0, 0, :, :, 0])
    assert (first[16:] == 128).all()
    assert np.array_equal(below, colours[0, 0])


def test_png_of_a_point_is_one_row_a_checkpoint() -> None:
    """Ten images of 8 pixels and a gap of one, six screen pixels each."""
    content = FORMATS[".png"].export([item("nearby", nearby(), name) for name in ("a/b", "c/d")])
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (10 * 9 * 6 - 6, 2 * 9 * 6 - 6)


def test_png_of_an_atlas_is_a_map_for_every_chain() -> None:
    """Two chains over three by three points: the highest b of the first chain is on top."""
    drawn = atlas()
    content = FORMATS[".png"].export([item("atlas", drawn)])
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (3 * 9 * 6 - 6, 2 * 3 * 9 * 6 - 6)
        pixels = np.asarray(image)[::6, ::6]
    assert np.array_equal(pixels[:8, :8], drawn.point_images[2, 0, 0, :, :, 0])
    assert np.array_equal(pixels[-8:, -8:], drawn.point_images[0, 2, 1, :, :, 0])


@pytest.mark.parametrize(
    ("measure", "result", "sentence"),
    [
        ("surface", surface(), "png is for samples; export surface as json, csv or npz"),
        ("samples", samples(0), "png needs images; none is finished yet"),
    ],
)
def test_png_without_images_is_refused(measure: str, result: Any, sentence: str) -> None:
    """A sentence that says what to do."""
    with pytest.raises(SettingsError, match=sentence):
        FORMATS[".png"].export([item(measure, result)])


@dataclasses.dataclass
class StoreAlone:
    """What `measured` needs of an engine."""

    store: Store
    root: Path

    def result(self, request: Any, num_done: int, *, growing: bool) -> Any:
        """Assembled from the store."""
        return request.definition.assemble(request.settings, self.store.items_done(request.key))


def test_provenance_of_a_stored_measurement(store: Store, tmp_path: Path) -> None:
    """What is needed to compute it again, from the request; what computed it, from the store."""
    request = surface_request()
    write_card(tmp_path / "digits" / "adm", card_of())
    (tmp_path / "digits" / "adm" / "weights.safetensors").touch()
    handle = Handle(request, StoreAlone(store, tmp_path))  # pyright: ignore[reportArgumentType]
    with pytest.raises(EngineError, match="nothing was computed yet"):
        measured(handle)
    store.submit(request)
    assert measured(handle).provenance["computed_at"] is None
    assert not measured(handle).done
    arrays = {"losses": arrays_of(0)["losses"][4:], "vb": np.array([]), "timesteps": np.arange(2)}
    store.put_tile(request.key, 0, [arrays] * 14, 2.5, '{"torch": "x"}')
    store.finish(request.key, "done")
    found = measured(handle).provenance
    assert found["checkpoint_digest"] == "0" * 64
    assert found["panel"] == {"dataset": "digits", "split": "held_out", "size": 4, "seed": 0}
    assert found["panel_digest"] == panel_digest(Panel(size=4))
    assert found["settings"]["resolution"] == 13
    assert (found["evaluations"], found["seconds"]) == ([14, 14], 2.5)
    assert found["environment"] == {"torch": "x"}
    assert pd.Timestamp(found["computed_at"]).tzinfo is not None
    assert measured(handle).done
    assert measured(handle).series.title == "ADM (digits)"


def words_of(*requests: Any) -> list[str]:
    """The command as a shell would cut it."""
    return shlex.split(command_line(requests).replace("\\\n", " "))


def test_command_names_what_is_not_default() -> None:
    """Cut by shlex; defaults are left out, so that the command says what was chosen."""
    request = surface_request(span=0.5)
    assert words_of(request) == [
        *("flatdiff", "measure", "surface", "--checkpoint", "digits/adm"),
        *("--dimensions", "1", "--resolution", "13", "--span", "0.5"),
        *("--panel-size", "4", "--out", "surface.json"),
    ]
    default = changed(request, settings=MEASURES["surface"].settings_type(), panel=Panel())
    other = changed(default, checkpoint="digits/sam")
    assert words_of(default, other)[3:-2] == [
        *("--checkpoint", "digits/adm", "--checkpoint", "digits/sam"),
    ]
    settings = QuantizationSettings(bits=(3, 2))
    bits = changed(default, measure="quantization", settings=settings, panel=Panel(seed=7))
    assert words_of(bits)[5:-2] == ["--bits", "32", "3", "2", "--panel-seed", "7"]
    layers = SensitivitySettings(layers=("a.b", "c d"), per_channel=True, symmetric=False)
    switches = changed(default, measure="sensitivity", settings=layers)
    assert words_of(switches)[5:-2] == ["--per-channel", "--no-symmetric"], "layers are filled in"


@pytest.mark.parametrize("name", ["my family/a b", "x/$(touch y)", "x/a;b", "Ünï/😀", "x/it's"])
def test_command_survives_any_name(name: str) -> None:
    """A person pastes it into a shell: the name must stay one word and run nothing."""
    words = words_of(changed(surface_request(), checkpoint=name))
    assert words[words.index("--checkpoint") + 1] == name
    assert words[-2:] == ["--out", "surface.json"]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (surface_request(), {".html", ".csv", ".npz", ".json"}),
        (surface_request(dimensions=2), {".html", ".csv", ".npz", ".json", ".vtp"}),
    ],
)
def test_formats_suit_what_is_exported(request_: Request, expected: set[str]) -> None:
    """A surface over a line has no polygons, and none has images."""
    assert formats_for(request_).keys() == expected
