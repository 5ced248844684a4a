"""The summary, on results whose numbers the test sets."""

from flatdiff.measures.frechet import FrechetSettings
from flatdiff.reports.measured import Measured
from flatdiff.reports.summary import BEST, NEAR, summary
from tests.results import frechet, lpf, measured_item
from tests.subjects import changed


def score(checkpoint: str, gap: float, stderr: float = 0.01, state: str = "done") -> Measured:
    """LPF with this rise."""
    item = measured_item("lpf", changed(lpf(), gap=gap, gap_total_stderr=stderr), checkpoint)
    return changed(item, provenance={**item.provenance, "state": state})


def row(*items: Measured) -> list[str]:
    """Of the rise of LPF."""
    return summary(items).loc["LPF rise, absolute"].tolist()


def test_the_lowest_and_what_cannot_be_told_from_it() -> None:
    """Errors of 0.03 and 0.04 make 0.05 for a difference: 0.1 is just near, 0.11 is not."""
    cells = row(score("d/a", 0.5, 0.03), score("d/b", 0.599, 0.04), score("d/c", 0.611, 0.04))
    assert [cell.split()[0] for cell in cells] == [BEST, NEAR, "0.611"]
    assert cells[0] == f"{BEST} 0.500 ± 0.030"


def test_nothing_is_best_alone_or_in_the_making() -> None:
    """One checkpoint; and one beside another that is still computed."""
    assert row(score("d/a", 0.5)) == ["0.500 ± 0.010"]
    alone = row(score("d/a", 0.5), score("d/b", 0.1, state="running"))
    assert alone == ["0.500 ± 0.010", ""]


def test_numbers_that_are_none_are_empty_and_never_best() -> None:
    """NaN compares with nothing."""
    cells = row(score("d/a", float("nan")), score("d/b", 0.5), score("d/c", 0.9))
    assert cells == ["", f"{BEST} 0.500 ± 0.010", "0.900 ± 0.010"]


def test_no_result_no_row() -> None:
    """An empty table, not an error."""
    assert len(summary([score("d/a", 0.5, state="failed")])) == 0
    assert len(summary([])) == 0


def test_distances_have_their_name_and_only_at_the_columns_settings() -> None:
    """Inception's is FID; one at other bit widths is no row of this table."""
    settings = FrechetSettings()
    result = changed(frechet(), bits=(32, 8))
    proxy = measured_item("frechet", result, settings=settings)
    fid = measured_item("frechet", result, settings=changed(settings, features="inception"))
    assert list(summary([proxy]).index) == ["proxy Fréchet, 32 bit", "proxy Fréchet, 8 bit"]
    assert list(summary([fid]).index) == ["FID, 32 bit", "FID, 8 bit"]
    assert len(summary([measured_item("frechet", frechet())])) == 0
