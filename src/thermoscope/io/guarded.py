"""Other people's decoders under guard: what they raise, warn of and log becomes ours.

A decoder that meets damage raises whatever occurs to it (Pillow alone a dozen types). Inside the
block of `guarded` any such exception ends as a `ReadError` that names the file, and warnings stay
inside. What is NOT here: limits of size, which are checked before a decoder is called.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from thermoscope.core.errors import (
    ImageTooLargeError,
    MissingDependencyError,
    ReadError,
    ThermoscopeError,
)

__all__ = ["guarded", "optional_package", "tifffile_quiet"]


@contextmanager
def guarded(path: Path, what: str, *, hint: str = "") -> Iterator[None]:
    """A block in which a foreign decoder works on `path`.

    Args:
        path: The file, for messages.
        what: What is being decoded: ``"PNG"``.
        hint: What to do; by default to copy the file again.

    Raises:
        ReadError: The decoder raised anything. Errors of ours pass through.
        ImageTooLargeError: Pillow refused the size (over about 179 million pixels).
    """
    advice = hint or "The file is damaged or cut short: copy it again from the camera."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ThermoscopeError:
        raise
    except Exception as err:
        reason = " ".join(str(err).split()).rstrip(".")[:200] or type(err).__name__
        if type(err).__name__ == "DecompressionBombError":  # Pillow's own limit, above ours
            raise ImageTooLargeError(
                f"{path.name}: {reason}. Nothing was decoded.", path=path
            ) from err
        if "cannot identify image file" in reason:
            reason = "its header is damaged"
        raise ReadError(
            f"{path.name}: the {what} cannot be decoded ({reason}). {advice}", path=path
        ) from err


def optional_package(module: str, *, package: str, purpose: str) -> Any:
    """A module of the extra ``formats``.

    Raises:
        MissingDependencyError: It is not installed; the text has the pip line.
    """
    try:
        return import_module(module)
    except ImportError as err:
        raise MissingDependencyError(package, extra="formats", purpose=purpose) from err


def tifffile_quiet() -> Any:
    """The module tifffile, whose remarks on odd files do not reach standard error."""
    import tifffile

    logger = logging.getLogger("tifffile")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # without a handler, logging prints them
    return tifffile
