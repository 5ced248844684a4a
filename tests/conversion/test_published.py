"""Published datasets in the formats in which they are on disk, written small by the test."""

import hashlib
import importlib.util
import io
import os
import pickle
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flatdiff.errors import DataError
from flatdiff.images.image_set import load_images
from flatdiff.images.loaders import download_cifar10
from flatdiff.system import download

needs_lmdb = pytest.mark.skipif(
    importlib.util.find_spec("lmdb") is None,
    reason="lmdb is not installed: LSUN is not tested (pip install -r requirements-dev.txt)",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of datasets."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


def cifar10_archive() -> tuple[bytes, dict[str, str], np.ndarray, list[int]]:
    """The archive, MD5s of its members, and all training images, (N, 32, 32, 3), with labels."""
    draw = np.random.default_rng(0)
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    images = draw.integers(256, size=(6, 4, 3, 32, 32), dtype=np.uint8)
    labels = draw.integers(10, size=(6, 4))
    members = {
        name: pickle.dumps({"data": x.reshape(4, 3072), "labels": y.tolist()}, protocol=2)
        for name, x, y in zip(names, images, labels, strict=True)
    }
    members["batches.meta"] = pickle.dumps({"label_names": list("abcdefghij")}, protocol=2)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    sums = {name: hashlib.md5(content).hexdigest() for name, content in members.items()}
    return buffer.getvalue(), sums, images, labels[:5].flatten().tolist()


def test_cifar10_is_read_from_its_archive(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Placed by hand, as without a network; the MD5s are those of our archive."""
    content, sums, images, labels = cifar10_archive()
    from torchvision.datasets import CIFAR10  # takes seconds, in every process of the tests

    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(content).hexdigest())
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": sums["batches.meta"]})
    for name in ("train_list", "test_list"):
        batches = [[batch, sums[batch]] for batch, _ in getattr(CIFAR10, name)]
        monkeypatch.setattr(CIFAR10, name, batches)
    home.mkdir(parents=True)
    (home / "cifar-10-python.tar.gz").write_bytes(content)
    monkeypatch.setattr(download.urllib.request, "urlopen", lambda *_, **__: pytest.fail("asked"))
    assert download_cifar10() == home
    train = load_images("cifar10", "train", 32, 3)
    assert np.array_equal(train.values.numpy(), images[:5].reshape(-1, 3, 32, 32))
    assert train.labels is not None
    assert train.labels.tolist() == labels
    held_out = load_images("cifar10", "held_out", 32, 3).values.numpy()
    assert np.array_equal(held_out, images[5])


def write_lsun(folder: Path, colours: list[int], broken: int = 0) -> None:
    """An LSUN database as its authors export it: WebP by key, of 256 pixels on the short side."""
    import lmdb

    folder.mkdir(parents=True)
    with (
        lmdb.open(str(folder), map_size=1 << 24) as env,
        env.begin(write=True) as transaction,
    ):
        for i, colour in enumerate(colours):
            buffer = io.BytesIO()
            Image.new("RGB", (341, 256), (colour, 0, 0)).save(buffer, "WEBP", lossless=True)
            transaction.put(f"{i:040x}".encode(), buffer.getvalue())
        for i in range(broken):
            transaction.put(b"f" * 39 + str(i).encode(), b"no image")


@needs_lmdb
@pytest.mark.parametrize("size", [32, 64])
def test_lsun_is_read_from_its_databases(
    size: int, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Images are known by their red; the held-out ones are LSUN's own validation set."""
    write_lsun(home / "lsun" / "tower_train_lmdb", list(range(20)), broken=2)
    write_lsun(home / "lsun" / "tower_val_lmdb", [200, 201])
    train, held_out = (
        load_images("lsun_tower", split, size, 3).values.numpy() for split in ("train", "held_out")
    )
    assert train.shape == (20, 3, size, size)
    assert train[:, 0].mean((1, 2)).tolist() == list(range(20))
    assert not train[:, 1:].any()
    assert held_out[:, 0].max((1, 2)).tolist() == [200, 201]
    assert "2 of 22 images could not be read and are left out" in caplog.text


@needs_lmdb
def test_damaged_lsun_is_refused_in_a_sentence(home: Path) -> None:
    """A page of zeros where the database should begin."""
    folder = home / "lsun" / "tower_train_lmdb"
    folder.mkdir(parents=True)
    (folder / "data.mdb").write_bytes(bytes(8192))
    with pytest.raises(DataError, match="tower_train_lmdb cannot be read as an LSUN database"):
        load_images("lsun_tower", "train", 64, 3)


@needs_lmdb
def test_lsun_that_was_cut_ends_no_process(home: Path) -> None:
    """A page that is not there would be a bus error, of all the tests."""
    folder = home / "lsun" / "tower_train_lmdb"
    write_lsun(folder, list(range(80)))
    os.truncate(folder / "data.mdb", (folder / "data.mdb").stat().st_size // 2)
    with pytest.raises(DataError, match=r"data\.mdb has [\d,]+ bytes of [\d,]+"):
        load_images("lsun_tower", "train", 64, 3)


@needs_lmdb
@pytest.mark.skipif(sys.platform == "win32", reason="what ends a process there has no such name")
def test_lsun_whose_pointers_lead_out_ends_no_process(home: Path) -> None:
    """The length of a long image, which has pages of its own, becomes 2 GB: that ends nowhere."""
    import lmdb

    folder = home / "lsun" / "tower_train_lmdb"
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 24) as env, env.begin(write=True) as transaction:
        transaction.put(b"the only key", bytes(10_000))
    content = (folder / "data.mdb").read_bytes()
    with (folder / "data.mdb").open("r+b") as file:
        file.seek(content.index(b"the only key") - 8)  # before the key: size, flags, its length
        file.write((2 << 30).to_bytes(4, "little"))
    with pytest.raises(DataError, match=r"following it ends in SIG(BUS|SEGV); get it again"):
        load_images("lsun_tower", "train", 64, 3)


def test_lsun_without_lmdb_says_what_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's own way to make an import fail."""
    (home / "lsun" / "tower_train_lmdb").mkdir(parents=True)
    (home / "lsun" / "tower_train_lmdb" / "data.mdb").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(DataError, match="pip install lmdb"):
        load_images("lsun_tower", "train", 64, 3)


@pytest.mark.parametrize("as_zip", [False, True])
def test_ffhq_is_a_folder_or_a_zip(as_zip: bool, home: Path) -> None:
    """As published: thumbnails of 128 pixels in folders of a thousand."""
    home.mkdir(parents=True)
    archive = zipfile.ZipFile(home / "ffhq64.zip", "w") if as_zip else None
    for i in range(40):
        name = f"{i // 20 * 1000:05d}/{i:05d}.png"
        buffer = io.BytesIO()
        Image.new("RGB", (128, 128), (i, 255 - i, 7)).save(buffer, "PNG")
        if archive is not None:
            archive.writestr(f"thumbnails128x128/{name}", buffer.getvalue())
            continue
        path = home / "ffhq64" / "thumbnails128x128" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
    if archive is not None:
        archive.close()
    both = [load_images("ffhq64", s, 64, 3).values.numpy() for s in ("train", "held_out")]
    colours = np.concatenate([values.mean((2, 3)) for values in both])
    assert sorted(colours.tolist()) == [[i, 255 - i, 7] for i in range(40)]
    assert all(values.shape[1:] == (3, 64, 64) for values in both)


@pytest.mark.parametrize(
    ("dataset", "words"), [("lsun_tower", "tower_train_lmdb.zip"), ("ffhq64", "ffhq64.zip")]
)
def test_absent_dataset_says_where_to_place_it(dataset: str, words: str, home: Path) -> None:
    """Nothing is fetched, and nothing is made."""
    with pytest.raises(DataError, match=words) as caught:
        load_images(dataset, "train", 64, 3)
    assert str(home) in str(caught.value)
    assert not home.exists()
