"""The short form of the campaign: every input that no table of the quick suite has, in-process."""

import pytest

from tests.campaigns.foreign import ONLY_OF_UPLOADS, Input, answered, inputs, written, wrong_with
from tests.conversion.foreign_inputs import WRONG
from tests.conversion.test_importer import in_process  # noqa: F401  (the fixture)

INPUTS = inputs()
HERE = [name for name in INPUTS if name not in WRONG and not name.startswith("an archive")]


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("name", HERE)
def test_a_sentence_and_nothing_left(name: str) -> None:
    """Of places, bombs and images; the tables of contents stand in tests/conversion."""
    answer, faults, _ = answered(INPUTS[name])
    assert faults == [], answer
    assert answer.startswith("taken") == (not INPUTS[name].word)


def test_a_bad_answer_is_seen() -> None:
    """Each fault by itself, and an input that is taken though it should not be."""
    assert wrong_with("cut; copy it again", "cut") == []
    assert wrong_with("cut\nTraceback", "cut") == ["it has several lines"]
    assert wrong_with("use weights_only=False", "cut") == [
        "it does not say why",
        "it advises to trust the file",
    ]
    assert ONLY_OF_UPLOADS in WRONG
    good = Input(lambda path: written(path, b""), "no such word")
    assert answered(good)[1] == ["it does not say why"]
