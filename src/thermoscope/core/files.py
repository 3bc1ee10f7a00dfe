"""Writing that survives a crash, hashes, and the folder of the real data.

One `atomic_write` serves every file that matters: a reader sees the old content or the new one,
never a part. What is NOT here: recordings, which are append-only logs.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from thermoscope.core.errors import WriteError

__all__ = ["answer", "atomic_write", "check_folder", "data_folder", "make_folder", "sha256_of"]


@contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary stream whose content appears under `path` only when the block ends well.

    The bytes go to a unique file beside the target, which is flushed to disk and then renamed
    over it; the folder is flushed too. On any error the target keeps its old content and the
    temporary file is removed.

    Args:
        path: The target; parent folders are created.

    Raises:
        WriteError: No space, no permission, or the target is a folder.

    Example:
        >>> import tempfile, pathlib
        >>> target = pathlib.Path(tempfile.mkdtemp()) / "a.txt"
        >>> with atomic_write(target) as stream:
        ...     _ = stream.write(b"whole")
        >>> target.read_bytes()
        b'whole'

    Source: rename is atomic and not durable by itself; see rename(2) and fsync(2).
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as err:
        raise _write_error(target, err) from err
    temporary = Path(name)
    try:
        try:
            with os.fdopen(descriptor, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
            _flush_folder(target.parent)
        except OSError as err:
            if isinstance(err, WriteError):
                raise
            raise _write_error(target, err) from err
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def answer(question: Callable[[], bool]) -> bool:
    """What `question` says; no, where the system refuses a name as such: it is too long.

    Example:
        >>> answer(Path("x" * 5000).is_dir)
        False
    """
    try:
        return question()
    except OSError:
        return False


def make_folder(path: str | Path) -> Path:
    """The folder, made with its parents if absent.

    Raises:
        WriteError: It cannot be made, or a file has its name.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise WriteError(
            f"cannot make the folder {folder}: {err.strerror}. Choose another one."
        ) from err
    return folder


def check_folder(path: str | Path) -> None:
    """Whether `path` is a folder that can be written into, or can become one. Nothing is made.

    Raises:
        WriteError: A file has its name or that of a parent, or there is no permission.
    """
    folder = Path(path)
    there = next(p for p in (folder.absolute(), *folder.absolute().parents) if answer(p.exists))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        reason = "nothing may be written there" if there.is_dir() else "that is a file"
        raise WriteError(f"{folder} cannot be written into: {there}: {reason}. Choose another one.")


def _write_error(target: Path, err: OSError) -> WriteError:
    reason = err.strerror or str(err)
    return WriteError(
        f"cannot write {target}: {reason}. Nothing was changed there. "
        "Check free space and permission of the folder, or choose another one."
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: str | Path, *, progress: Callable[[int], None] | None = None) -> str:
    """Hex SHA-256 of a file, read in 1 MiB pieces.

    Args:
        path: The file.
        progress: Called with the number of bytes of each piece.
    """
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
            if progress is not None:
                progress(len(piece))
    return digest.hexdigest()


def data_folder() -> Path | None:
    """Folder of the real thermal data: `THERMOSCOPE_DATA`, else ``../shared/data`` if present.

    Returns:
        The folder, or None where there is none: tests and recipes that need it say so and stop.
    """
    named = os.environ.get("THERMOSCOPE_DATA")
    folder = Path(named) if named else Path("..") / "shared" / "data"
    return folder.resolve() if folder.is_dir() else None
