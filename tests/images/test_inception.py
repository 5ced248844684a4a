"""Inception's file: no byte of it is looked into unless its digest is the published one."""

import hashlib
import io
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from flatdiff.errors import DataError
from flatdiff.images import inception
from flatdiff.images.inception import download_inception, inception_file, load_inception
from tests.tiny import CPU, typed

# TorchScript still works and says at every step that it will not for ever.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")


class Layers(nn.Module):
    """Stands in for Inception: 2048 times the mean of the first channel."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, 3, 299, 299) to (b, 2048)."""
        return x.mean(dim=[2, 3])[:, :1].expand(-1, 2048)


class Network(nn.Module):
    """As clean-fid takes it apart."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = Layers()

    def forward(self, x: Tensor) -> Tensor:
        """Not used."""
        return self.layers(x)


def script() -> bytes:
    """A TorchScript file of a network whose features are known."""
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(Network()), buffer)
    return buffer.getvalue()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state directory."""
    monkeypatch.setenv("FLATDIFF_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def published(home: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A file of ours, declared to be the published one."""
    content = script()
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(inception, "NUM_BYTES", len(content))
    return content


def place(content: bytes) -> Path:
    """Where a person would put it."""
    path = inception_file()
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_known_file_is_loaded(published: bytes) -> None:
    """clean-fid maps 0..255 to -1..1, so that features of a grey image are known."""
    place(published)
    network = load_inception(CPU)
    features = network(torch.full((2, 3, 299, 299), 192.0))
    assert torch.equal(features, torch.full((2, 2048), 0.5))


SPOILED = [
    # what, of the file's bytes
    ("a flipped bit", lambda content: bytes([content[0] ^ 1]) + content[1:]),
    ("cut", lambda content: content[:-1]),
    ("a page", lambda _: b"<html>not found</html>"),
    ("empty", lambda _: b""),
    ("longer", lambda content: content + b"\0"),
]


@pytest.mark.parametrize(("what", "spoil"), SPOILED)
def test_another_file_is_refused_unseen(
    what: str, spoil, published: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loader is replaced by one that says if it was ever called."""
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail(f"{what} was loaded"))
    place(spoil(published))
    with pytest.raises(DataError, match=r"expected SHA-256 \w{12}\.\.\., got \w{12}\.\.\."):
        load_inception(CPU)


def test_what_is_loaded_is_what_was_checked(
    published: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is replaced after the check; the copy that is loaded is still the checked one."""
    path, seen = place(published), []
    load = torch.jit.load

    def replaced_meanwhile(name: str):
        path.write_bytes(b"evil")
        seen.append(Path(name).read_bytes())
        return load(name)

    monkeypatch.setattr(torch.jit, "load", replaced_meanwhile)
    load_inception(CPU)
    assert seen == [published]


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(parents=True)])
def test_absent_file_names_command_and_folder(make, home: Path) -> None:
    """Nothing is fetched unasked: the home stays empty."""
    make(inception_file())
    with pytest.raises(DataError, match="flatdiff download inception") as caught:
        load_inception(CPU)
    assert str(home / "features") in str(caught.value)
    assert not [path for path in home.rglob("*") if path.is_file()]


def test_download_keeps_the_published_file(
    published: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a file:// address, through the same library as from the network."""
    source = tmp_path / "served"
    source.write_bytes(published)
    monkeypatch.setattr(inception, "URL", source.as_uri())
    assert download_inception() == inception_file()
    assert inception_file().read_bytes() == published


@pytest.mark.parametrize("content", [None, b"<html>please log in</html>"])
def test_failed_download_keeps_nothing(
    content: bytes | None, published: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Absent at its address, or answered by somebody else; what was there stays there."""
    source = tmp_path / "served"
    if content is not None:
        source.write_bytes(content)
    monkeypatch.setattr(inception, "URL", source.as_uri())
    path = place(b"before")
    with pytest.raises(DataError, match=r"could not be downloaded|is not Inception's published"):
        download_inception()
    left = {file.name for file in path.parent.iterdir()}
    assert left == {path.name, f"{path.name}.lock"}, "the lock stays for the next download"
    assert path.read_bytes() == b"before"


def test_download_is_a_command() -> None:
    """Of the help only: nothing is fetched in a test."""
    done = typed("download", "--help")
    assert "inception" in done.stdout
