"""A folder of diffusers: two configs that say network and process, and the weights beside them.

Either the folder of a U-Net (`config.json`, `diffusion_pytorch_model.safetensors`) or that of a
whole pipeline (`model_index.json`, `unet/`, `scheduler/`). The configs are read as data, and no
program of the folder is ever run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flatdiff.checkpoints.header import Header, shortened
from flatdiff.conversion.draft import Description, Draft, known_draft
from flatdiff.diffusion.diffusers_flags import DiffusersFlags, from_configs
from flatdiff.errors import CheckpointError, SettingsError
from flatdiff.system.foreign_json import read_foreign_json

NETWORK, SCHEDULER, PIPELINE = "config.json", "scheduler_config.json", "model_index.json"
WEIGHTS = (
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.bin",
)
MAX_CONFIG_BYTES = 1 << 20


@dataclass(frozen=True)
class DiffusersFolder:
    """What a folder holds."""

    name: str
    weights: Path  # a file, or the index of its parts
    flags: DiffusersFlags


def diffusers_folder(path: Path) -> DiffusersFolder | None:
    """Read the configs of a folder; None where it is no folder of diffusers.

    Raises:
        CheckpointError: it is one, and something is absent, cannot be read, or is another network;
            half a sentence.
    """
    unet = path / "unet" if (path / PIPELINE).is_file() else path
    if not (unet / NETWORK).is_file():
        if unet != path:
            raise CheckpointError(f"it is a pipeline of diffusers without unet/{NETWORK}")
        return None
    try:
        flags = from_configs(_config(unet / NETWORK), _config(_scheduler(unet)))
    except SettingsError as error:
        raise CheckpointError(f"it is a network of diffusers that is not taken: {error}") from None
    return DiffusersFolder(path.resolve().name, _weights(unet), flags)


def folder_draft(folder: DiffusersFolder, header: Header, said: Description) -> Draft:
    """The checkpoint that is to be made of a folder.

    Args:
        folder: as its configs say.
        header: of its weights.
        said: by a person; of flags and presets the configs know better.

    Raises:
        SettingsError: the dataset is not said or does not fit, or flags are said.
    """
    names = {own: own for own in header.tensors}
    return known_draft(folder.flags, folder.name, _told(folder.flags), header, names, said)


def _told(flags: DiffusersFlags) -> str:
    """What the configs say, in a line."""
    process = flags.scheduler_config
    return (
        f"a UNet2DModel of diffusers that predicts {process['prediction_type']}, of a process of "
        f"{flags.diffusion_steps:,} steps ({process['beta_schedule']})"
    )


def _scheduler(unet: Path) -> Path:
    """Beside the network, or where a pipeline has it."""
    for place in (unet / SCHEDULER, unet.parent / "scheduler" / SCHEDULER):
        if place.is_file():
            return place
    raise CheckpointError(
        f"it is a network of diffusers without a {SCHEDULER}, which says what it was trained to "
        "predict; copy that of its pipeline into the folder"
    )


def _weights(unet: Path) -> Path:
    for name in WEIGHTS:
        if (unet / name).is_file():
            return unet / name
    raise CheckpointError(f"it is a network of diffusers without weights: none is {WEIGHTS[0]}")


def _config(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise CheckpointError(f"{path.name} is too long for a config")
        values = read_foreign_json(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path.name} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise CheckpointError(f"{path.name} is no JSON: {shortened(str(error))}") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{path.name} is no table")
    return values
