"""Files of two cameras in one order: by stem where stems agree, never shifted by a lost frame.

What is NOT here: reading them (`thermoscope.io.sequence`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from thermoscope.core.errors import ReadError

__all__ = ["matched"]

SHOWN = 4  # names in a message


def matched(
    first: Sequence[Path], second: Sequence[Path], *, names: tuple[str, str]
) -> tuple[list[Path], list[Path]]:
    """Both lists in the order of the second: by stem where stems agree, else as they are.

    Args:
        first: Files.
        second: Files.
        names: What the two lists are called in messages.

    Raises:
        ReadError: Two files of a list share a stem where the other has it; some stems agree and
            others have no partner; or none agrees and the numbers of files differ.
    """
    stems = [{path.stem: path for path in paths} for paths in (first, second)]
    common = [stem for stem in stems[1] if stem in stems[0]]
    if common:
        for name, paths, by_stem in zip(names, (first, second), stems, strict=True):
            for path in paths:
                if by_stem[path.stem] != path:
                    raise ReadError(
                        f"{name} has {path.name} and {by_stem[path.stem].name}: two files of one "
                        "stem, and partners are found by it. Keep one.",
                        path=path,
                    )
    alone = [path.name for path in (*first, *second) if path.stem not in set(common)]
    if common and not alone:
        return [stems[0][stem] for stem in common], [stems[1][stem] for stem in common]
    if not common and len(first) == len(second):
        return list(first), list(second)
    shown = ", ".join(alone[:SHOWN]) + (" ..." if len(alone) > SHOWN else "")
    raise ReadError(
        f"{names[0]} has {len(first)} files and {names[1]} {len(second)}; {len(alone)} have no "
        f"partner of the same stem ({shown}). Remove them, or name the files alike."
    )
