"""Files of a folder by stem, and two folders paired by stem: never by position.

Two sorted lists of equal length may still be shifted by one file. So pictures are joined by what
their names share, and what stays alone is counted and named.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError

__all__ = ["PICTURES", "Joined", "by_stem", "joined", "lines_of", "listed_stems", "some"]

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".pgm", ".ppm"})


def by_stem(
    folder: Path, *, prefix: str = "", suffix: str = "", kinds: frozenset[str] = PICTURES
) -> dict[str, Path]:
    """Files of `folder` by stem, sorted, without what all names begin and end with.

    Hidden files, folders, other kinds of files and files that lack `prefix` or `suffix` are left
    out.

    Args:
        folder: Where.
        prefix: Beginning of every stem, cut off.
        suffix: End of every stem, cut off.
        kinds: Endings, lower case, with the dot.

    Raises:
        DatasetNotFoundError: There is no such folder.
        DatasetCorruptError: Two files share a stem.
    """
    if not folder.is_dir():
        raise DatasetNotFoundError(f"{folder} is no folder. Give the folder that holds the files.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        stem, fits = path.stem, path.suffix.lower() in kinds and not path.name.startswith(".")
        if not (fits and stem.startswith(prefix) and stem.endswith(suffix)):
            continue
        key = stem[len(prefix) : len(stem) - len(suffix)]
        if key in found:
            raise DatasetCorruptError(
                f"{found[key].name} and {path.name} in {folder} have the same stem. Keep one."
            )
        if path.is_file():
            found[key] = path
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Joined:
    """Files of several folders that share a stem.

    Attributes:
        rows: Stem to file by kind, in the order of the stems.
        findings: What stayed alone, a line for each kind.
    """

    rows: dict[str, dict[str, Path]]
    findings: tuple[str, ...]


def joined(
    kinds: Mapping[str, Mapping[str, Path]], *, optional: Iterable[str] = (), where: str = ""
) -> Joined:
    """Files of all kinds whose stem every required kind has.

    Args:
        kinds: Kind to files by stem, such as ``{"rgb": ..., "thermal": ...}``.
        optional: Kinds that a row may lack.
        where: Folder, for the findings.

    Example:
        >>> files = {"rgb": {"1": Path("a")}, "thermal": {"1": Path("b"), "2": Path("c")}}
        >>> joined(files).findings
        ('thermal: 1 of 2 files have no partner (2)',)
    """
    required = [kind for kind in kinds if kind not in set(optional)]
    common = set.intersection(*(set(kinds[kind]) for kind in required))
    rows = {
        stem: {kind: files[stem] for kind, files in kinds.items() if stem in files}
        for stem in sorted(common)
    }
    findings = []
    for kind, files in kinds.items():
        alone = [stem for stem in files if stem not in common]
        if alone:
            findings.append(
                f"{where + ' ' if where else ''}{kind}: {len(alone)} of {len(files)} files have "
                f"no partner ({some(alone)})"
            )
    return Joined(rows, tuple(findings))


def some(names: Iterable[str], *, shown: int = 3) -> str:
    """The first few names, and how many more there are."""
    every = list(names)
    rest = f" and {len(every) - shown} more" if len(every) > shown else ""
    return ", ".join(every[:shown]) + rest


def lines_of(path: Path) -> list[str]:
    """Lines of a text file without blanks at their ends, empty lines and ``#`` comments.

    The last line counts whether or not it ends with a newline.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetCorruptError: It is no UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as err:
        raise DatasetNotFoundError(f"{path} is not there. It lists the frames.") from err
    except (UnicodeDecodeError, OSError) as err:
        raise DatasetCorruptError(f"{path} is no UTF-8 text: {err}.") from err
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def listed_stems(path: Path, known: Container[str]) -> list[str]:
    """Stems in a list, a stem or a file name a line, in its order.

    A line that is a known stem as it stands is one, also with a dot in it.

    Args:
        path: The list.
        known: Stems of the files at hand.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetCorruptError: It is no text.
    """
    names = [Path(line).name for line in lines_of(path)]
    return [name if name in known else Path(name).stem for name in names]
