"""A command is one function whose arguments are its flags; the registry below names them all."""

from collections.abc import Callable

from flatdiff.commands.reference import reference
from flatdiff.commands.train import train

COMMANDS: dict[str, Callable[..., int]] = {
    "reference": reference,
    "train": train,
}
