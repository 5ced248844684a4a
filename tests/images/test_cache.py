"""A collection is looked through once; what is wrong with it is said, and never met again."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flatdiff.errors import DataError
from flatdiff.images import cache
from flatdiff.images.cache import Source, prepare
from flatdiff.images.image_set import load_images
from flatdiff.images.listing import ImageFile
from tests.images.test_image_files import paint, values_of


def every_kind(folder: Path) -> None:
    """Colour pictures of 8 x 8, and one or two of each kind that is not."""
    folder.mkdir()
    for i in range(60):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(folder / f"plain{i}.png")
    for i, name in enumerate(("b", "c", "a")):
        (folder / f"broken-{name}.jpg").write_bytes(b"\xff\xd8\xff" + bytes(i))
    Image.new("L", (8, 8), 9).save(folder / "grey1.png")
    Image.new("L", (8, 8), 9).save(folder / "grey2.jpg")
    Image.new("CMYK", (8, 8)).save(folder / "cmyk.jpg")
    Image.new("I;16", (8, 8), 999).save(folder / "deep.png")
    Image.new("RGBA", (8, 8)).save(folder / "alpha.png")
    Image.new("P", (8, 8)).save(folder / "palette.png")
    frames = [Image.new("RGB", (8, 8), (c, 0, 0)) for c in (10, 200)]
    frames[0].save(folder / "moving.webp", save_all=True, append_images=frames[1:], lossless=True)
    Image.new("RGB", (9, 30)).save(folder / "tall.png")
    Image.new("RGB", (5, 5)).save(folder / "small.png")


def test_each_kind_has_a_sentence_and_a_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted by hand from `every_kind`, with all images in one split."""
    monkeypatch.setattr("flatdiff.images.listing.is_held_out", lambda _: False)
    every_kind(tmp_path / "all")
    assert len(values_of(tmp_path / "all", channels=3)) == 69
    said = [
        record.message.removeprefix(f"{tmp_path / 'all'}, train: ") for record in caplog.records
    ]
    assert said == [
        "3 of 72 images could not be read and are left out: "
        "broken-a.jpg, broken-b.jpg, broken-c.jpg",
        "1 of 72 images are smaller than asked for and were enlarged: small.png",
        "1 of 72 images have another size and were cropped and scaled: tall.png",
        "1 of 72 images are animated; the first frame was taken: moving.webp",
        "1 of 72 images have transparency, which was dropped: alpha.png",
        "1 of 72 images have a palette and became ordinary colours: palette.png",
        "1 of 72 images are CMYK and became RGB: cmyk.jpg",
        "1 of 72 images have 16 bits a channel; the upper 8 were kept: deep.png",
        "3 of 72 images are greyscale and became colour with equal channels: "
        "deep.png, grey1.png, grey2.jpg",
    ]


def test_second_use_reads_no_image_and_says_what_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decoding is forbidden after the first use; another image begins it all again."""
    folder = tmp_path / "all"
    every_kind(folder)
    first = values_of(folder, channels=3)
    left_out = [r.message for r in caplog.records if "left out" in r.message]
    assert len(left_out) == 1
    caplog.clear()
    with monkeypatch.context() as patch:
        patch.setattr(cache, "read_pixels", lambda *_: pytest.fail("an image was read"))
        assert np.array_equal(values_of(folder, channels=3), first)
    assert [record.message for record in caplog.records] == left_out
    for i in range(20):  # some of them in this split
        Image.new("RGB", (8, 8), (77, 0, 0)).save(folder / f"new{i}.png")
    assert len(values_of(folder, channels=3)) > len(first)


def test_prepared_pixels_that_were_cut_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was prepared of an older state of the folder does not pile up."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    paint(tmp_path / "a", 50)
    whole = values_of(tmp_path / "a").copy()
    (pixels,) = (tmp_path / "home").rglob("*.u8")
    pixels.write_bytes(pixels.read_bytes()[:-1])
    assert np.array_equal(values_of(tmp_path / "a"), whole)
    paint(tmp_path / "a", 51)
    values_of(tmp_path / "a")
    assert len(list((tmp_path / "home").rglob("*.u8"))) == 1


def test_writing_to_images_leaves_the_file_alone(tmp_path: Path) -> None:
    """They are mapped from a file that the next use trusts."""
    paint(tmp_path, 50)
    first = load_images(f"folder:{tmp_path}", "train", 8, 1)
    before = first.values.clone()
    first.values[:] = 255
    assert np.array_equal(values_of(tmp_path), before.numpy())


def test_refusal_is_kept_as_long_as_the_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked twice, looked through once, with no pixels kept; mended files are looked at again."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("flatdiff.images.listing.is_held_out", lambda _: False)
    paint(tmp_path / "a", 20)
    for i in range(20):
        (tmp_path / "a" / f"bad{i}.png").write_bytes(b"no image")
    with pytest.raises(DataError) as first:
        values_of(tmp_path / "a")
    assert not list((tmp_path / "home").rglob("*.u8"))
    with monkeypatch.context() as patch:
        patch.setattr(cache, "read_pixels", lambda *_: pytest.fail("an image was read"))
        with pytest.raises(DataError) as second:
            values_of(tmp_path / "a")
    assert str(second.value) == str(first.value)
    for path in (tmp_path / "a").glob("bad*"):
        path.unlink()
    assert len(values_of(tmp_path / "a")) == 20


@pytest.mark.parametrize("fingerprint", ["lsun_tower", "0" * 64])
def test_refusal_that_time_may_heal_is_not_kept(
    fingerprint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a published set, whose name is all that is known; and where the disk would not read."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    source = Source(
        name="lsun_tower", fingerprint=fingerprint, split="train", image_size=8, channels=1
    )
    content = io.BytesIO()
    Image.new("L", (8, 8), 7).save(content, "PNG")

    def failing() -> bytes:
        if fingerprint == "lsun_tower":
            return b"no image"
        raise PermissionError("not now")

    with pytest.raises(DataError, match="1 of 1 images in lsun_tower cannot be read"):
        prepare(source, [ImageFile("a", failing)])
    assert prepare(source, [ImageFile("a", content.getvalue)]).values.tolist() == [[[[7] * 8] * 8]]


def test_prepared_images_need_no_list_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of a million files is listed once, for its fingerprint, and not a second time."""
    paint(tmp_path, 50)
    first = values_of(tmp_path).copy()
    monkeypatch.setattr(
        "flatdiff.images.loaders.listing", lambda _: pytest.fail("the folder was listed")
    )
    assert np.array_equal(values_of(tmp_path), first)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        "{",
        '{"num_seen": 9, "num_kept": 9, "counts": []}',
        '{"num_seen": 9, "num_kept": "x"}',
        '{"num_seen": 9, "num_kept": 0, "counts": {"unreadable": 9}}',
    ],
)
def test_damaged_remarks_are_made_again(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands in the file."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    paint(tmp_path / "a", 50)
    whole = values_of(tmp_path / "a").copy()
    (remarks,) = (tmp_path / "home").rglob("*.json")
    remarks.write_text(text)
    assert np.array_equal(values_of(tmp_path / "a"), whole)
