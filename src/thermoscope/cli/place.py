"""``thermoscope place``: make a map of pictures, and find where a picture was taken."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from thermoscope.cli.arguments import parse, print_json, print_table, warn
from thermoscope.cli.each_frame import NamedFrame, check_new, each_frame, input_files
from thermoscope.cli.progress import Steps, progress_bar
from thermoscope.core.errors import ConfigError, ReadError, ThermoscopeError, UnknownNameError
from thermoscope.core.files import answer, check_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thermoscope.engine.place_index import Match, PlaceIndex
    from thermoscope.io.thermal_image import ThermalImage
    from thermoscope.models.place import PlaceRecognizer

__all__ = ["IndexArguments", "QueryArguments", "main"]

COMMANDS = ("index", "query", "eval")
HELP = """usage: thermoscope place COMMAND ...

Where was this picture taken? Thermal and colour pictures find each other.

  index FOLDER... --out INDEX   describe pictures and keep them as a map
        --modality thermal|rgb  --positions CSV  --extend  --model NAME  --pooling KIND
        --backend exact|faiss  --weights FOLDER  --overwrite
  query INDEX FILE...           the most similar places, with distance and position
        --modality thermal|rgb  --k N  --sequence N  --json  --picture PNG  --weights FOLDER
  eval                          recall on a data set, as thermoscope eval retrieval
        --data NAME  --root FOLDER  --protocol NAME  ...

thermoscope place COMMAND --help tells more."""
BATCH = 16
UNKNOWN = (float("nan"),) * 3


@dataclass(frozen=True)
class IndexArguments:
    """Describe pictures and keep them as a map: names, files, positions, one descriptor each."""

    files: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.MISSING]
    """Folders, files, globs, sequences or videos."""
    out: Path
    """File of the index."""
    modality: Literal["thermal", "rgb"] = "thermal"
    """What the pictures are."""
    positions: Path | None = None
    """CSV with the columns name, x_m, y_m and perhaps z_m; name is a file name, with or without
    suffix."""
    extend: bool = False
    """Add to an index that exists; pictures that are in it are skipped, but get their position
    from --positions if they have none."""
    model: str = "anythermal_small.place"
    """Name of the weights."""
    pooling: Literal["cls", "mean", "cls_mean", "gem"] = "cls"
    """Where the model is a backbone without a place descriptor of its own."""
    backend: Literal["exact", "faiss"] = "exact"
    """faiss also keeps a graph for fast search beyond a million pictures."""
    weights: Path | None = None
    """Folder with weights of your own; the bundled ones if not given."""
    size: str | None = None
    """WIDTHxHEIGHT of headerless raw files."""
    overwrite: bool = False
    """Replace an index that exists."""


@dataclass(frozen=True)
class QueryArguments:
    """The most similar places of each picture."""

    index: Annotated[Path, tyro.conf.Positional]
    """File of the index."""
    files: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.MISSING]
    """Folders, files, globs, sequences or videos."""
    modality: Literal["thermal", "rgb"] = "thermal"
    """What the pictures are; those of the index may be of the other kind."""
    k: int = 5
    """Number of places."""
    sequence: int = 1
    """Match this many consecutive pictures together: the files are frames of one drive, as are
    those of the index."""
    json: bool = False
    """Print JSON."""
    picture: Path | None = None
    """Write a PNG with each query beside the places found."""
    overwrite: bool = False
    """Replace the PNG if it exists."""
    backend: Literal["exact", "faiss"] = "exact"
    """faiss searches approximately, and faster beyond a million pictures."""
    weights: Path | None = None
    """Folder with weights of your own; the bundled ones if not given."""
    size: str | None = None
    """WIDTHxHEIGHT of headerless raw files."""


def main(words: Sequence[str]) -> int:
    """Run the verb; 2 if a picture could not be read, the others are still done."""
    if not words or words[0] in ("-h", "--help"):
        print(HELP)
        raise SystemExit(0)
    if words[0] not in COMMANDS:
        raise UnknownNameError("place command", words[0], COMMANDS, listing="thermoscope place")
    if words[0] == "index":
        return _index(parse(IndexArguments, words[1:], verb="place index"))
    if words[0] == "query":
        return _query(parse(QueryArguments, words[1:], verb="place query"))
    from thermoscope.cli.eval import main as evaluate

    return evaluate(["retrieval", *words[1:]])


# -- index ----------------------------------------------------------------------------------------


def _index(arguments: IndexArguments) -> int:
    from thermoscope.engine.place_index import PlaceIndex

    exists = answer(arguments.out.exists)
    if answer(arguments.out.is_dir):
        raise ConfigError(f"{arguments.out} is a folder. Give a file: {arguments.out / 'map.npz'}.")
    check_folder(arguments.out.parent)  # before minutes of work
    if arguments.extend and arguments.overwrite:
        raise ConfigError("--extend keeps what is there, --overwrite does not: give one of them.")
    if exists and not (arguments.extend or arguments.overwrite):
        raise ConfigError(f"{arguments.out} exists. Pass --extend to add to it, or --overwrite.")
    tables = [] if arguments.positions is None else [arguments.positions]
    inputs = input_files([*arguments.files, *tables])
    if arguments.out.resolve() in inputs:
        raise ConfigError(f"{arguments.out} is an input: it is kept. Choose another --out.")
    positions = _positions(arguments.positions) if arguments.positions else {}
    name = _model_name(arguments.model, arguments.pooling, arguments.weights)
    model = _model(name, arguments.weights)
    if exists and arguments.extend:
        index = PlaceIndex.load(arguments.out, backend=arguments.backend)
        index.check_model(model.identity)
        if index.modality != arguments.modality:
            raise ConfigError(
                f"{arguments.out} holds {index.modality} pictures, these are {arguments.modality}. "
                "Make an index for each."
            )
    else:
        index = PlaceIndex(
            model.dims,
            model=name,
            identity=model.identity,
            modality=arguments.modality,
            backend=arguments.backend,
        )
    told = _fill(index, model, arguments, positions)
    if not len(index):
        warn("no picture could be read: nothing was written.")
        return 2
    index.save(arguments.out)
    unused = len(positions) - told.positions
    if unused > 0 and not arguments.extend:
        warn(f"{unused} of {len(positions)} positions are of pictures that are not in the index.")
    located = f" ({told.located} of them got their position)" if told.located else ""
    print(
        f"{told.added} pictures added, {told.skipped} were there{located}, {told.failed} failed; "
        f"{len(index)} places in {arguments.out}"
    )
    return 2 if told.failed else 0


@dataclass
class _Told:
    added: int = 0
    skipped: int = 0
    failed: int = 0
    positions: int = 0
    located: int = 0


def _fill(
    index: PlaceIndex,
    model: PlaceRecognizer,
    arguments: IndexArguments,
    positions: dict[str, tuple[float, float, float]],
) -> _Told:
    told = _Told()
    found: dict[str, tuple[float, float, float]] = {}  # of pictures that were there
    with progress_bar("index") as steps:
        for batch in _batches(arguments.files, arguments.size, steps):
            new = _new_ones(batch, index)
            described, kept = _describe(model, new, arguments.modality)
            told.skipped += len(batch) - len(new)
            if arguments.extend and positions:
                readable = [job for job in batch if not isinstance(job.frame, ThermoscopeError)]
                there = [job for job in readable if _place_name(job) in index]
                found |= {_place_name(job): _where(job, positions, told) for job in there}
            told.failed += len(new) - len(kept)
            told.added += len(kept)
            if kept:
                names = [_place_name(job) for job in kept]
                where = [_where(job, positions, told) for job in kept]
                index.add(described, names, paths=names, positions_m=where)
    told.located = index.locate({n: xyz for n, xyz in found.items() if xyz is not UNKNOWN})
    return told


def _new_ones(batch: Sequence[NamedFrame], index: PlaceIndex) -> list[NamedFrame]:
    """Frames that are not in the index, each once; with those that could not be read."""
    new, names = [], set()
    for job in batch:
        if not isinstance(job.frame, ThermoscopeError):
            name = _place_name(job)
            if name in index or name in names:
                continue
            names.add(name)
        new.append(job)
    return new


def _where(
    job: NamedFrame, positions: dict[str, tuple[float, float, float]], told: _Told
) -> tuple[float, float, float]:
    """Position of a picture by file name or stem; nan if there is none."""
    path = job.image().source.path or Path(job.source)
    for key in (path.name, job.stem):
        if key in positions:
            told.positions += 1
            return positions[key]
    return UNKNOWN


def _positions(path: Path) -> dict[str, tuple[float, float, float]]:
    """File name or stem to x, y, z in metres; without z it is 0."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
        found = {
            row["name"]: (float(row["x_m"]), float(row["y_m"]), _height(row.get("z_m")))
            for row in rows
        }
    except OSError as err:
        raise ReadError(f"cannot read {path}: {err.strerror}.", path=path) from err
    except (KeyError, ValueError, TypeError, UnicodeDecodeError) as err:
        raise ReadError(
            f"{path} must be CSV with the columns name, x_m, y_m and perhaps z_m, in metres: "
            f"{err!r}.",
            path=path,
        ) from err
    for name, position in found.items():
        if not np.isfinite(position).all():
            raise ReadError(
                f"{path}: the position of {name!r} is {position}. Give metres, or leave the row "
                "out where it is not known.",
                path=path,
            )
    return found


def _height(text: str | None) -> float:
    """Height in metres; 0 where the cell is empty, absent or nan."""
    z = float(text or 0)
    return 0.0 if math.isnan(z) else z


# -- query ----------------------------------------------------------------------------------------


def _query(arguments: QueryArguments) -> int:
    from thermoscope.engine.place_index import PlaceIndex

    for flag, number in (("--k", arguments.k), ("--sequence", arguments.sequence)):
        if number < 1:
            raise ConfigError(f"{flag} must be at least 1, got {number}.")
    if arguments.picture is not None:
        if arguments.picture.suffix.lower() != ".png":
            raise ConfigError(f"--picture must end in .png, got {arguments.picture.name!r}.")
        check_folder(arguments.picture.parent)
        inputs = input_files([arguments.index, *arguments.files])
        check_new([arguments.picture], set(), overwrite=arguments.overwrite, inputs=inputs)
    index = PlaceIndex.load(arguments.index, backend=arguments.backend)
    if not index.model:
        raise ConfigError(
            f"the index {arguments.index} does not name its model. Make it with PlaceIndex(..., "
            "model=NAME), or with thermoscope place index."
        )
    model = _model(index.model, arguments.weights)
    index.check_model(model.identity)
    names: list[str] = []
    frames: list[ThermalImage] = []  # for the picture only
    parts: list[NDArray[np.float32]] = []
    failed = 0
    with progress_bar("query") as steps:
        for batch in _batches(arguments.files, arguments.size, steps):
            described, kept = _describe(model, batch, arguments.modality)
            failed += len(batch) - len(kept)
            parts.append(described)
            names += [_place_name(job) for job in kept]
            if arguments.picture is not None:
                frames += [job.image() for job in kept]
    if not names:
        return 2
    descriptors = np.concatenate(parts)
    started = time.perf_counter()
    matches = _search(index, descriptors, arguments)
    milliseconds = (time.perf_counter() - started) * 1e3 / len(descriptors)
    if arguments.picture is not None:
        shown = [Path(name).name for name in names]
        _write_picture(list(zip(shown, frames, strict=True)), matches, arguments.picture)
    _show(names, matches, milliseconds, as_json=arguments.json)
    return 2 if failed else 0


def _search(index: PlaceIndex, descriptors: Any, arguments: QueryArguments) -> list[list[Match]]:
    if arguments.sequence == 1:
        return index.search(descriptors, arguments.k)
    return index.search_sequence(descriptors, arguments.k, length=arguments.sequence)


def _write_picture(
    queries: Sequence[tuple[str, ThermalImage]],
    matches: Sequence[Sequence[Match]],
    path: Path,
) -> None:
    from PIL import Image

    from thermoscope.core.files import atomic_write
    from thermoscope.engine.place_picture import match_sheet

    with atomic_write(path) as stream:
        Image.fromarray(match_sheet(queries, matches)).save(stream, format="PNG")


def _show(
    queries: Sequence[str],
    matches: Sequence[Sequence[Match]],
    milliseconds: float,
    *,
    as_json: bool,
) -> None:
    if as_json:
        print_json(
            {
                "search_ms": round(milliseconds, 3),
                "queries": [
                    {"query": name, "matches": [asdict(match) for match in found]}
                    for name, found in zip(queries, matches, strict=True)
                ],
            }
        )
        return
    rows = [
        [Path(name).name if m.rank == 1 else "", m.rank, Path(m.name).name, *_numbers(m)]
        for name, found in zip(queries, matches, strict=True)
        for m in found
    ]
    print_table(("query", "rank", "place", "similarity", "distance", "x, y, z in m"), rows)
    print(f"search: {milliseconds:.2f} ms a query")


def _numbers(match: Match) -> list[str]:
    place = match.position_m
    where = "" if place is None else ", ".join(f"{value:.1f}" for value in place)
    return [f"{match.similarity:.3f}", f"{match.distance:.3f}", where]


# -- both -----------------------------------------------------------------------------------------


def _model_name(name: str, pooling: str, folder: Path | None) -> str:
    """Name under which an index remembers its model: a backbone's carries its pooling."""
    from thermoscope.core.weights import find_weights, list_weights

    if name in list_weights(folder) and find_weights(name, folder=folder)[0].model.endswith(
        "place"
    ):
        return name
    return f"{name}:{pooling}"


def _model(name: str, folder: Path | None) -> PlaceRecognizer:
    from typing import cast

    from thermoscope.layers.pooling import PoolingKind
    from thermoscope.models.place import place_model

    plain, _, pooling = name.partition(":")
    return place_model(plain, pooling=cast("PoolingKind", pooling or "cls"), folder=folder)


def _batches(files: Sequence[str], size: str | None, steps: Steps) -> Iterator[list[NamedFrame]]:
    """Frames, or reasons why there is none, a few at a time."""
    jobs = each_frame(files, size=size, steps=steps)
    while batch := list(islice(jobs, BATCH)):
        yield batch
        for job in batch:
            steps.done(job.stem)


def _place_name(job: NamedFrame) -> str:
    """The whole path of a picture; of a frame of a longer file, with its number: ``a.seq#12``."""
    source = job.image().source
    path = str((source.path or Path(job.source)).resolve())
    return path if source.frame_count == 1 else f"{path}#{source.frame_index}"


def _describe(
    model: PlaceRecognizer, jobs: Sequence[NamedFrame], modality: Literal["thermal", "rgb"]
) -> tuple[NDArray[np.float32], list[NamedFrame]]:
    """Descriptors of the frames that can be described, and these frames; others are named."""
    kept = []
    for job in jobs:
        try:
            model.prepare(job.image(), modality=modality)
        except ThermoscopeError as err:
            warn(job.complaint(err))
        else:
            kept.append(job)
    return model.describe((job.image() for job in kept), modality=modality), kept
