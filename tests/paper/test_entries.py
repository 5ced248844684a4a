"""Studies: numbers against raw tiles read by formulas of their own, tables against the paper."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg

from flatdiff.checkpoints.averages import METHODS
from flatdiff.checkpoints.card import Card
from flatdiff.commands.study import study_files
from flatdiff.engine.engine import Engine
from flatdiff.engine.store import Store
from flatdiff.errors import CheckpointError
from flatdiff.paper.entries import STUDY
from flatdiff.paper.family import family_cards, study_requests
from flatdiff.paper.report import entry_table
from flatdiff.paper.results import Study
from tests.conftest import write_tiny_checkpoint
from tests.reports.test_report import Document
from tests.study import filled_engine, studied, write_family
from tests.subjects import changed
from tests.tiny import rewrite_card

NAMES = [
    *("Figure 1", "Table 1", "Figure 2", "Table 2", "Figure 4", "Table 3"),
    *("Figure 5", "Figure 6", "Table 4", "Figure 7", "Table 5", "Figure 8"),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, list[Card]]]:
    """A family of five and everything that a study asks of it."""
    root = tmp_path_factory.mktemp("study")
    store = Store(root / "results.sqlite")
    with filled_engine(root / "checkpoints", store) as made:
        yield made
    store.close()


@pytest.fixture(scope="module")
def done(filled: tuple[Engine, list[Card]]) -> Study:
    """Its results."""
    return studied(*filled)


@pytest.fixture(scope="module")
def files(done: Study) -> dict[str, bytes]:
    """Its files."""
    return dict(study_files(done, "at noon"))


def rows_of(files: dict[str, bytes]) -> list[dict[str, str]]:
    """Of the CSV file, read by the standard library."""
    return list(csv.DictReader(io.StringIO(files["numbers.csv"].decode())))


def tiles(engine: Engine, key: str) -> list[dict[str, Any]]:
    """The raw arrays of a job, in the order of its items."""
    found = engine.store.items_done(key)
    return [found[position] for position in sorted(found)]


def frechet(features: np.ndarray, mu: np.ndarray, cov: np.ndarray) -> float:
    """By the matrix square root, as in the definition."""
    own = np.cov(features, rowvar=False)
    root = scipy.linalg.sqrtm(own @ cov)
    return float(
        ((features.mean(axis=0) - mu) ** 2).sum() + np.trace(own + cov - 2 * np.real(root))
    )


def lpf(items: list[dict[str, Any]]) -> float:
    """Mean of all perturbed losses."""
    return float(np.mean([item["losses"] for item in items[1:]], dtype=np.float64))


def lpf_rise(items: list[dict[str, Any]]) -> float:
    """Over the first item, which is the checkpoint."""
    return lpf(items) - float(np.mean(items[0]["losses"], dtype=np.float64))


def squared_gap(items: list[dict[str, Any]]) -> float:
    """Over images, and the steps whose noise is no finer than half an eighth, at once."""
    fine = items[0]["forward_std"] >= 0.125 / 2
    a, b = (np.hstack([item[name][fine] for item in items]) for name in ("sampling", "training"))
    return abs(float(np.mean(a**2) - np.mean(b**2)))


def slope(items: list[dict[str, Any]]) -> float:
    """Least squares through the origin, by NumPy."""
    x = np.arange(1, 9) * 1.25 * 0.1  # the sizes, and ||delta|| / ||theta|| of the stored arrays
    base = np.mean(items[0]["losses"], dtype=np.float64)
    rise = np.mean([item["losses"].mean(axis=(1, 2)) for item in items[1:]], axis=0) - base
    return float(np.linalg.lstsq(x[:, None], rise, rcond=None)[0][0])


def pixels(items: list[dict[str, Any]]) -> float:
    """32 and 8 bits take turns."""
    full, rounded = (
        np.concatenate([item["images"] for item in items[k::2]]).astype(float) for k in (0, 1)
    )
    return float(np.abs(full - rounded).mean())


def distance(items: list[dict[str, Any]], position: int) -> float:
    """Of the images at one width, 32 and 8 bits taking turns behind the reference."""
    cloud = np.concatenate([item["features"] for item in items[1 + position :: 2]])
    root = items[0]["root"]
    return frechet(cloud, items[0]["mu"], root.T @ root)


TRUTHS = {
    "LPF, absolute": lpf,
    "LPF, filter-relative": lpf,
    "LPF rise, absolute": lpf_rise,
    "|mean gap of ‖ε‖²|": squared_gap,
    "slope over distance": slope,
    "mean change of a pixel at 8 bit": pixels,
    "loss rise at 4 bit": lambda items: float(np.mean(items[3]["losses"] - items[0]["losses"])),
    "proxy Fréchet, T′ = 20, 32 bit": lambda items: distance(items, 0),
    "proxy Fréchet, T′ = 100, 8 bit": lambda items: distance(items, 1),
    "proxy Fréchet, T′ = 20, change at 8 bit": lambda items: (
        distance(items, 1) - distance(items, 0)
    ),
}


@pytest.mark.parametrize("quantity", TRUTHS)
def test_numbers_are_those_of_the_tiles(
    quantity: str, filled: tuple[Engine, list[Card]], files: dict[str, bytes]
) -> None:
    """Read from the raw arrays by a formula written down here, for every row there is."""
    rows = [row for row in rows_of(files) if row["quantity"] == quantity]
    assert rows
    for row in {row["key"]: row for row in rows}.values():
        truth = TRUTHS[quantity](tiles(filled[0], row["key"]))
        assert float(row["value"]) == pytest.approx(truth, rel=2e-5, abs=1e-9), row
    assert all(float(row["standard_error"]) >= 0 for row in rows), "every number has its error"


def test_every_table_and_figure_is_there(files: dict[str, bytes], done: Study) -> None:
    """In the paper's order; Figure 3 is a drawing."""
    assert [entry.name for entry in STUDY] == NAMES
    found = Document(files["report.html"])
    heads = [text.split(".")[0] for text in found.texts("h2")]
    assert heads == ["Findings", *NAMES, "Where the numbers come from"]
    anchors = {f"#{a['id']}" for a in found.attributes("h2") if "id" in a}
    assert {a["href"] for a in found.attributes("a")} == anchors
    assert len({row["entry"] for row in rows_of(files)}) == len(NAMES) - 1, "Figure 8 has none"
    by_entry = {entry.name: {card.method for card in done.shown(entry)} for entry in STUDY}
    assert by_entry["Table 1"] == {"adm", "sam"}
    assert by_entry["Table 4"] == {"adm", "adm-ema", "sam", "sam-ema"}
    assert by_entry["Table 2"] == {"adm", "adm-ema", "ip", "sam", "sam-ema"}


# Typed from the paper, by hand, for a cell of each of its tables.
PRINTED = [
    ("Table 1", "|mean gap of ‖ε‖²|", "CIFAR-10", "sam", "+3.32"),
    ("Table 1", "LPF, absolute", "CIFAR-10", "adm", "0.097"),
    ("Table 1", "proxy Fréchet, T′ = 20, change at 8 bit", "CIFAR-10", "adm", "+13.65"),
    ("Table 2", "proxy Fréchet, T′ = 20, 32 bit", "CIFAR-10", "adm-ema", "10.63"),
    ("Table 2", "proxy Fréchet, T′ = 100, 32 bit", "LSUN Tower", "sam-ema", "2.30"),
    ("Table 2", "proxy Fréchet, T′ = 20, 32 bit", "FFHQ", "ip", "15.03"),
    ("Table 3", "LPF, absolute", "CIFAR-10", "ip", "0.103"),
    ("Table 4", "proxy Fréchet, T′ = 100, 8 bit", "CIFAR-10", "sam", "4.02"),
    ("Table 5", "LPF, absolute", "LSUN Tower", "sam-ema", "0.070"),
]


@pytest.mark.parametrize(("entry", "quantity", "data", "method", "printed"), PRINTED)
def test_the_papers_numbers_stand_beside(
    entry: str,
    quantity: str,
    data: str,
    method: str,
    printed: str,
    files: dict[str, bytes],
    done: Study,
) -> None:
    """In the CSV file, and in the document right of ours."""
    (row,) = [
        row
        for row in rows_of(files)
        if (row["entry"], row["quantity"], row["checkpoint"])
        == (entry, quantity, f"tiny/{method}")
    ]
    assert row[f"paper, {data}"] == printed
    table = entry_table(done, next(each for each in STUDY if each.name == entry))
    ours = list(table.columns).index(quantity)
    beside = [name for name in table.columns[ours + 1 : ours + 4] if name.endswith(f", {data}")]
    shown = table.loc[table["method"] == METHODS[method], beside[0]]
    assert list(shown) == [printed]
    assert printed in Document(files["report.html"]).texts("td")


def test_the_document_shows_the_numbers_of_the_csv_file(files: dict[str, bytes]) -> None:
    """Every value ± error of the one is in the other, to the digits that are shown."""
    pattern = re.compile(r"^(-?[\d.]+(?:e-?\d+)?) ± ([\d.]+(?:e-?\d+)?)$")
    cells = [
        m for text in Document(files["report.html"]).texts("td") if (m := pattern.match(text))
    ]
    shown = np.array([[float(m[1]), float(m[2])] for m in cells])
    for row in rows_of(files):
        value, error = float(row["value"]), float(row["standard_error"])
        if error > 1e-9:
            near = np.abs(shown - (value, error)) <= 0.051 * error
            assert near.all(axis=1).any(), row


def test_files_of_the_same_results_are_the_same(
    filled: tuple[Engine, list[Card]], files: dict[str, bytes]
) -> None:
    """But for the time in the document."""
    again = dict(study_files(studied(*filled), "at midnight"))
    assert {name for name in files if files[name] != again[name]} == {"report.html"}
    assert again["report.html"] == files["report.html"].replace(b"at noon", b"at midnight")


def test_json_says_the_same_and_where_it_is_from(files: dict[str, bytes], done: Study) -> None:
    """Against the CSV file and the cards."""
    known = json.loads(files["study.json"])
    for row, text in zip(known["numbers"], rows_of(files), strict=True):
        assert row["value"] == float(text["value"])
        assert row["key"] == text["key"]
    assert {one["sha256"] for one in known["checkpoints"]} == {card.digest for card in done.cards}
    assert {one["key"] for one in known["results"]} >= {row["key"] for row in known["numbers"]}
    assert len(known["results"]) == len(study_requests(done.cards))
    readme = files["README.md"].decode().replace("\\|", "|")
    for finding in known["findings"]:
        assert finding["sentence"] in readme


def test_what_cannot_be_made_is_said_in_its_place(files: dict[str, bytes], done: Study) -> None:
    """LSUN Tower is not digits, and a proxy is no FID; without SAM there is no pair."""
    sections = Document(files["report.html"]).texts("section")
    by_name = dict(zip(NAMES, sections[1:], strict=False))
    for name in ("Table 5", "Figure 8"):
        assert "Not made: it takes networks trained on LSUN Tower" in by_name[name]
    for name in ("Table 1", "Table 2", "Table 4"):
        assert "No FID" in by_name[name]
        assert "proxy" in by_name[name]
    left = [card for card in done.cards if card.method.startswith("ip")] * 2
    alone = dict(study_files(changed(done, cards=left), ""))["report.html"]
    assert "Not made: the family has no checkpoint of adm or sam." in alone.decode()


def test_inception_is_asked_where_images_are_no_digits(done: Study) -> None:
    """And then the distance is FID, of as many images as were asked for."""
    cards = [changed(card, dataset="cifar10") for card in done.cards]
    asked = [r.settings for r in study_requests(cards, 50) if r.measure == "frechet"]
    assert {(s.features, s.num_images) for s in asked} == {("inception", 50)}
    other = Study(cards, [], 50)
    titles = {
        other.title(quantity.column)
        for entry in STUDY
        for quantity in entry.quantities
        if quantity.column.measure == "frechet"
    }
    assert all(title.startswith("FID, ") for title in titles)
    assert other.data == "CIFAR-10"


def test_families_that_cannot_be_studied(tmp_path: Path) -> None:
    """Each in a sentence that says what to do."""
    write_family(tmp_path, ("adm", "sam"))
    write_tiny_checkpoint(tmp_path, "sam", 1)
    with pytest.raises(CheckpointError, match="no family 'nobody'; known families: tiny"):
        family_cards(tmp_path, "nobody")
    (tmp_path / "tiny" / "adm" / "weights.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"tiny/adm cannot be used: .* mend or delete it"):
        family_cards(tmp_path, "tiny")
    (tmp_path / "tiny" / "adm" / "card.json").unlink()
    with pytest.raises(CheckpointError, match="tiny has only tiny/sam; train or add more"):
        family_cards(tmp_path, "tiny")


def test_checkpoints_of_two_datasets_are_no_family(tmp_path: Path) -> None:
    """Their losses say nothing about each other."""
    write_family(tmp_path, ("adm", "sam"))
    rewrite_card(tmp_path / "tiny" / "sam", dataset="cifar10")
    with pytest.raises(CheckpointError, match="of different networks or datasets"):
        family_cards(tmp_path, "tiny")


def test_every_checkpoint_is_asked_everything(done: Study) -> None:
    """Each measurement once, whatever entries share it."""
    requests = study_requests(done.cards)
    assert len({request.key for request in requests}) == len(requests)
    for card in done.cards:
        measures = {r.measure for r in requests if r.checkpoint == card.id}
        named = "surface samples frechet lpf radius exposure quantization"
        assert measures == set(named.split())
    assert {method for entry in STUDY for method in entry.methods} <= set(METHODS)
