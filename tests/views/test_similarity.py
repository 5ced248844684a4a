"""Similarity as matrices, lines, a sentence and rows."""

from typing import Any

import numpy as np

from flatdiff.measures.similarity import SimilarityResult, SimilaritySettings
from flatdiff.views import SECTIONS, View
from flatdiff.views.similarity import neighbours_first, similarity_sentence
from flatdiff.views.style import Series, style_of
from tests.results import similarity
from tests.subjects import changed

SECTION = SECTIONS["similarity"]
NAMES = ["A", "B", "C"]
VIEW = View(names=NAMES, methods=["adm", "sam", "ip-ema"])


def first_two(result: SimilarityResult) -> SimilarityResult:
    """Without the third checkpoint."""
    cut = ["cka", "cka_stderr", "mean_cka", "mean_cka_stderr", "distance"]
    cut += ["disagreement", "disagreement_stderr"]
    return changed(
        result, num_checkpoints=2, **{name: getattr(result, name)[..., :2, :2] for name in cut}
    )


def test_matrices_and_lines_say_what_the_result_does() -> None:
    """In an order of likeness; the first one's lines are against each other's, in its colour."""
    result = similarity()
    pictures: Any = SECTION.pictures([Series("A", "adm", result)], SimilaritySettings(), VIEW)
    alike, distance, blocks, levels = (picture.content for picture in pictures)
    order = neighbours_first(result.mean_cka)
    assert list(alike.data[0].x) == [NAMES[k] for k in order]
    np.testing.assert_array_equal(alike.data[0].z, result.mean_cka[np.ix_(order, order)])
    np.testing.assert_array_equal(distance.data[0].z, result.distance[np.ix_(order, order)])
    strong = [line for line in blocks.data if line.showlegend is not False]
    assert [line.name for line in strong] == ["B", "C"]
    assert [line.line.color for line in strong] == [style_of(m).color for m in ("sam", "ip-ema")]
    np.testing.assert_allclose(strong[0].y, result.cka[:, :, 0, 1].mean(axis=0))
    second = levels.data[1]
    np.testing.assert_array_equal(second.y, result.disagreement[:, 0, 2])
    np.testing.assert_array_equal(second.error_y.array, result.disagreement_stderr[:, 0, 2])


def test_two_have_no_matrix_and_unnamed_ones_have_numbers() -> None:
    """And what is not there yet has no picture."""
    two = first_two(similarity())
    pictures: Any = SECTION.pictures([Series("A", "adm", two)], SimilaritySettings())
    assert [picture.key for picture in pictures] == ["blocks-A", "levels-A"]
    assert pictures[1].content.data[0].name == "checkpoint 2"
    assert SECTION.pictures([Series("A", "adm", similarity(1))], SimilaritySettings()) == []
    assert SECTION.pictures([Series("A", "adm", similarity(0))], SimilaritySettings()) == []


def test_neighbours_are_alike() -> None:
    """Two pairs, dealt apart, come together."""
    alike = np.full((4, 4), 0.1)
    np.fill_diagonal(alike, 1.0)
    for i, j in ((0, 2), (1, 3)):
        alike[i, j] = alike[j, i] = 0.9
    order = neighbours_first(alike)
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset((0, 2)), frozenset((1, 3))}
    alike[0, 1] = np.nan
    assert neighbours_first(alike) == [0, 1, 2, 3]


def test_the_sentence_names_the_most_and_the_least_alike() -> None:
    """By the mean; of two there is one number."""
    result = similarity()
    table = np.array([[1, 0.9, 0.2], [0.9, 1, 0.5], [0.2, 0.5, 1]])
    made = changed(result, mean_cka=table, mean_cka_stderr=np.full((3, 3), 0.01))
    assert similarity_sentence(made, NAMES) == (
        "Most alike in their activations, by CKA: A and B, 0.900 ± 0.010; least: A and C, "
        "0.200 ± 0.010."
    )
    two = similarity_sentence(first_two(made), NAMES[:2])
    assert two.startswith("The activations of A and B: CKA 0.900 ± 0.010, ")
    assert similarity_sentence(similarity(0), []) == ""


def test_rows_name_the_block_and_the_level() -> None:
    result = similarity()
    rows = SECTION.read(result)
    assert [row["against the first"] for row in rows] == ["checkpoint 2", "checkpoint 3"]
    level, block = np.unravel_index(result.cka[:, :, 0, 1].argmin(), (2, 2))
    assert rows[0]["least alike"].startswith(
        f"{result.blocks[block]} at {result.levels[level]:g} T: "
    )
    table = SECTION.table(result)
    assert len(table) == 3 * 2 * 2
    assert table.query("one == 1 and other == 3")["distance"].unique() == [result.distance[0, 2]]
