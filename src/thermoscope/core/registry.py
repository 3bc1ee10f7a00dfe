"""A name -> object table with suggestions: what palettes, layouts and models use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from thermoscope.core.errors import ConfigError, UnknownNameError

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Named entries of one kind.

    Args:
        kind: What an entry is, for messages ("palette").
        listing: How a user lists all names, for messages; all names are printed if empty.

    Example:
        >>> palettes: Registry[str] = Registry("palette")
        >>> palettes.add("inferno", "...")
        >>> palettes.get("infernp")
        Traceback (most recent call last):
            ...
        thermoscope.core.errors.UnknownNameError: unknown palette 'infernp'. Did you mean \
'inferno'? Known: inferno.
    """

    def __init__(self, kind: str, *, listing: str = "") -> None:
        self.kind, self.listing = kind, listing
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> None:
        """Put `entry` under `name`.

        Raises:
            ConfigError: `name` is taken.
        """
        if name in self._entries:
            raise ConfigError(f"{self.kind} {name!r} is registered twice. Choose another name.")
        self._entries[name] = entry

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator form of `add`."""

        def add(entry: T) -> T:
            self.add(name, entry)
            return entry

        return add

    def get(self, name: str) -> T:
        """The entry called `name`.

        Raises:
            UnknownNameError: There is none; the message names the closest.
        """
        if name not in self._entries:
            raise UnknownNameError(self.kind, name, self._entries, listing=self.listing)
        return self._entries[name]

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._entries)
