"""What flags of every network share: the images it sees, and the way to a card and back."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

from flatdiff.settings import from_mapping

F = TypeVar("F", bound="NetworkFlags")


@runtime_checkable  # or no checker of annotations takes it
class _Sized(Protocol):
    @property
    def in_channels(self) -> int: ...

    @property
    def image_size(self) -> int: ...


class NetworkFlags:
    """A frozen record below it says what network."""

    @property
    def image_shape(self: _Sized) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        return (self.in_channels, self.image_size, self.image_size)

    def to_json(self) -> dict[str, Any]:
        """Plain data for a card."""
        return dataclasses.asdict(self)  # pyright: ignore[reportArgumentType]  # see the class

    @classmethod
    def from_json(cls: type[F], values: Mapping[str, Any]) -> F:
        """Back from a card.

        Raises:
            SettingsError: an entry is unknown, missing or out of range.
        """
        return from_mapping(cls, values, "flags")
