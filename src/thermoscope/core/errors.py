"""Every error that thermoscope raises on purpose.

Each class also inherits the builtin that users already catch, so ``except ValueError`` keeps
working. Values travel as attributes: no caller has to parse a message. What is NOT here: warnings
(they use `ThermoscopeWarning`) and bugs (anything that is not a `ThermoscopeError`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = [
    "CalibrationError",
    "CameraError",
    "ConfigError",
    "DatasetCorruptError",
    "DatasetNotFoundError",
    "ImageTooLargeError",
    "LicenceError",
    "MissingDependencyError",
    "ReadError",
    "RigError",
    "ShapeError",
    "ThermoscopeError",
    "ThermoscopeWarning",
    "UnitError",
    "UnknownNameError",
    "WeightsMismatchError",
    "WriteError",
]


class ThermoscopeError(Exception):
    """Base of all deliberate errors: the message says what, what was expected, what to do."""


class ThermoscopeWarning(UserWarning):
    """Category of every warning that thermoscope issues."""


class ShapeError(ThermoscopeError, ValueError):
    """An array has the wrong number of axes or the wrong lengths."""

    def __init__(
        self,
        message: str,
        *,
        actual_shape: Sequence[int] | None = None,
        expected_shape: str | None = None,
    ) -> None:
        super().__init__(message)
        self.actual_shape = tuple(actual_shape) if actual_shape is not None else None
        self.expected_shape = expected_shape


class UnitError(ThermoscopeError, ValueError):
    """A value is in another unit than the operation needs, or its unit is not known."""


class ConfigError(ThermoscopeError, ValueError):
    """A setting is unknown, of the wrong type or out of range."""


class UnknownNameError(ThermoscopeError, KeyError):
    """A registered name does not exist; the message suggests the closest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, listing: str = "") -> None:
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))
        close = difflib.get_close_matches(name, self.known, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
        every = (
            f"All names: {listing}." if listing else f"Known: {', '.join(self.known) or 'none'}."
        )
        super().__init__(f"unknown {kind} {name!r}.{hint} {every}")

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would quote the text

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.kind, self.name, self.known), {"args": self.args}


class ReadError(ThermoscopeError, OSError):
    """A file cannot be read: absent, truncated, of an unknown format or inconsistent.

    Attributes:
        path: The file, if there is one.
        offset: Byte position of the fault in the file, if known.
    """

    def __init__(
        self, message: str, *, path: str | Path | None = None, offset: int | None = None
    ) -> None:
        super().__init__(message)
        self.path = Path(path) if path is not None else None
        self.offset = offset


class ImageTooLargeError(ReadError):
    """The declared size of an image is over the limit; nothing was decoded."""


class WriteError(ThermoscopeError, OSError):
    """A file cannot be written: no space, no permission, or a format that would lose data."""


class DatasetNotFoundError(ThermoscopeError, FileNotFoundError):
    """A data set's folder, or a file that its layout promises, is absent."""


class DatasetCorruptError(ThermoscopeError, OSError):
    """A data set's file is present and unreadable, or contradicts its layout."""


class WeightsMismatchError(ThermoscopeError, RuntimeError):
    """A weights file does not fit the network or its own card."""

    def __init__(
        self,
        message: str,
        *,
        missing: Sequence[str] = (),
        unexpected: Sequence[str] = (),
        wrong_shape: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.missing = tuple(missing)
        self.unexpected = tuple(unexpected)
        self.wrong_shape = tuple(wrong_shape)


class CalibrationError(ThermoscopeError, ValueError):
    """A camera model or rig description is impossible or incomplete."""


class RigError(ThermoscopeError, RuntimeError):
    """The rig cannot do what it was asked: a camera, a clock, a recorder."""


class CameraError(RigError, OSError):
    """A camera is absent, busy, gone, silent, or refuses a command.

    Attributes:
        camera: What the rig calls it; empty if unknown.
        code: The device's own return code, if it gave one.
    """

    def __init__(self, message: str, *, camera: str = "", code: int | None = None) -> None:
        super().__init__(message)
        self.camera, self.code = camera, code


class LicenceError(ThermoscopeError, PermissionError):
    """Something with a restrictive licence would be used without the user's consent."""


class MissingDependencyError(ThermoscopeError, ImportError):
    """An optional package is absent; the message carries the pip line.

    Attributes:
        package: Name to install from the package index.
        extra: thermoscope's extra that contains it.
    """

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Run: pip install 'thermoscope[{extra}]'  (or: pip install {package})"
        )
        self.package, self.extra, self.purpose = package, extra, purpose

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_missing_dependency, (self.package, self.extra, self.purpose)


def _rebuild_missing_dependency(package: str, extra: str, purpose: str) -> MissingDependencyError:
    return MissingDependencyError(package, extra=extra, purpose=purpose)
