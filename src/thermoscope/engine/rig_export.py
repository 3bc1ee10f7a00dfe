"""A recording becomes a data set: paired, clean, rectified, colour in the thermal frame.

    report = export_recording(Path("run1"), Path("data"), ExportConfig(layout="tartanrgbt"))

An export that was stopped goes on when it is called again, and ends with the same bytes as one
that was not. What is NOT here: choosing frames (`.rig_export_plan`), pictures
(`.rig_export_views`), names of files (`.rig_export_layouts`), what is done (`.rig_export_ledger`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_in_range, check_positive
from thermoscope.core.config import config_to_dict
from thermoscope.core.errors import CalibrationError, ConfigError, ReadError, UnknownNameError
from thermoscope.core.files import sha256_of
from thermoscope.core.licences import terms_of
from thermoscope.core.weights import find_weights
from thermoscope.engine.rig_export_layouts import (
    LAYOUTS,
    Layout,
    Run,
    list_lines,
    pair_files,
    table_files,
)
from thermoscope.engine.rig_export_ledger import ExportLedger
from thermoscope.engine.rig_export_plan import ExportPlan, camera_roles, plan_export
from thermoscope.engine.rig_export_views import (
    ExportGeometry,
    Match,
    PairViews,
    can_register,
    check_sizes,
    raw_views,
    rectified_views,
    registered_views,
)
from thermoscope.rig.calibration_files import read_calibration
from thermoscope.rig.recording_format import MANIFEST, Manifest, find_recording, read_manifest
from thermoscope.rig.replay import RecordedCamera

__all__ = ["ExportConfig", "ExportReport", "export_recording"]

SCHEMA = "thermoscope.export.v1"
SGBM = "sgbm"
Progress = Callable[[int, int], None]
"""Called with pairs done and pairs in all."""


@dataclass(frozen=True)
class ExportConfig:
    """How a recording is exported.

    Raises:
        UnknownNameError: No such layout or split.
        ConfigError: A number out of range, or a name that is no folder name.
    """

    layout: Layout = "tartanrgbt"
    """Files as TartanRGBT's loader or its download names them, as MS2, or as plain pairs."""
    rate_hz: float = 1.0
    """Pairs a second, at most those of the cameras."""
    calibration: Path | None = None
    """``calibration.json``; the one kept in the recording if None."""
    model: str = "thermostereort_fast"
    """Weights that find the depth through which colour is registered, or ``sgbm``."""
    weights: Path | None = None
    """Folder with weights of your own."""
    check_left_right: bool = False
    """Pixels on which both views disagree become holes; twice the time, not for ``sgbm``."""
    name: str = ""
    """Of the run; that of the recording if empty."""
    group: str = "day1"
    """Folder above a run of TartanRGBT."""
    split: str = "train"
    """Whose list the run goes to: train, val or test."""
    max_gap_ms: float | None = None
    """Largest time between frames of a pair; half a period if None."""
    settle_s: float = 1.0
    """Frames are left out for so long after the shutter opened, s."""

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise UnknownNameError("layout", self.layout, LAYOUTS)
        if self.split not in ("train", "val", "test"):
            raise UnknownNameError("split", self.split, ("train", "val", "test"))
        check_positive(self.rate_hz, name="rate_hz")
        check_in_range(self.settle_s, 0.0, 60.0, name="settle_s")
        if self.max_gap_ms is not None:
            check_positive(self.max_gap_ms, name="max_gap_ms")
        for what, word in (("name", self.name), ("group", self.group or "-")):
            if word:
                _check_name(what, word, self.layout)


def _check_name(what: str, word: str, layout: Layout) -> None:
    """Refuse what is no folder, or what the lists of a layout cannot tell."""
    odd = Path(word).name != word or word[0] in ".#" or word != word.strip()
    if odd or not word.isprintable():
        raise ConfigError(
            f"{what} must be the name of one folder, got {word!r}. Leave out slashes, control "
            f"characters, blanks at its ends and a dot or # at its beginning: pass --{what}."
        )
    if layout == "ms2" and what == "name" and any(map(str.isspace, word)):
        raise ConfigError(
            f"{what} must be without white space for ms2, whose lists end a name there, got "
            f"{word!r}. Pass --name."
        )


@dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Attributes:
        folder: Of the run.
        manifest: File with stamps, gaps, masks and hashes of everything.
        pairs: In the data set now.
        written: Of them, by this call.
        registered: Colour lies in the grid of the left thermal camera.
        valid_share: Mean share of pixels with a colour; 1 where nothing is registered.
        left_out: Reason to thermal frames that did not become a pair.
        notes: What a user should know: skew that is not known, licences that state nothing.
    """

    folder: Path
    manifest: Path
    pairs: int
    written: int
    registered: bool
    valid_share: float
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def export_recording(
    recording: Path, out: Path, options: ExportConfig, *, on_pair: Progress | None = None
) -> ExportReport:
    """Write a recording in the layout of a data set, or what is missing of it.

    Args:
        recording: Folder of the recording, or a file in it.
        out: Output folder; several recordings may share it.
        options: How.
        on_pair: Told after each pair.

    Raises:
        ReadError: No recording, damaged, never closed, or a calibration that cannot be read.
        ConfigError: No thermal and colour camera, a recording whose name no reader reads back, an
            export of this name with other settings, or a model that does not match stereo pairs.
        CalibrationError: The layout needs a calibration of two thermal cameras and a colour one,
            and there is none, or it is of other cameras.
        RigError: Not one clean pair.
        UnknownNameError: No such weights.
        DatasetCorruptError: The plan of an earlier export is damaged.
        WriteError: No space or no permission; the same call goes on when there is.
    """
    job = _Job.of(recording, options)
    ledger = ExportLedger(out, job.run.name, job.run.folder, job.head)
    plan = ledger.plan(lambda: _planned(job))
    missing = [number for number in range(len(plan.pairs)) if number not in ledger.done]
    if missing:
        _write_pairs(job, plan, ledger, missing, on_pair)
    if missing or not ledger.complete:
        for name, line in list_lines(job.run).items():
            ledger.add_to_list(name, line)
        ledger.close(table_files(job.run, plan.pairs, job.geometry))
    return _report(job, plan, ledger, len(missing), out)


@dataclass(frozen=True)
class _Job:
    """One export, checked."""

    folder: Path
    manifest: Manifest
    roles: Mapping[str, str]
    run: Run
    options: ExportConfig
    calibration: Path | None
    geometry: ExportGeometry | None

    @classmethod
    def of(cls, recording: Path, options: ExportConfig) -> _Job:
        folder = find_recording(recording)
        name = options.name or folder.resolve().name
        _check_name("name", name, options.layout)
        manifest = read_manifest(folder)
        roles = camera_roles(manifest.cameras)
        calibration, geometry = _calibrated(folder, manifest, roles, options)
        run = Run(options.layout, name, options.group, options.split)
        used = _used_roles(roles, options.layout, geometry)
        return cls(folder, manifest, used, run, options, calibration, geometry)

    @cached_property
    def head(self) -> dict[str, Any]:
        """What makes two exports the same, as the manifest tells it."""
        options = config_to_dict(self.options)
        skipped = ("calibration", "weights", "model", "name")
        settings = {key: value for key, value in options.items() if key not in skipped}
        file = self.calibration
        return {
            "schema": SCHEMA,
            "recording": {
                "name": self.folder.resolve().name,
                "sha256": sha256_of(self.folder / MANIFEST),
                "started_utc_ns": self.manifest.started_utc_ns,
                "cameras": {camera.name: camera.serial for camera in self.manifest.cameras},
            },
            "roles": dict(self.roles),
            "calibration": {"file": file.name, "sha256": sha256_of(file)} if file else None,
            "settings": {"name": self.run.name, **settings},
            "registered": self.registered,
            "model": _model_facts(self.options) if self.registered else None,
        }

    @property
    def registered(self) -> bool:
        """Colour goes into the thermal grid."""
        return self.geometry is not None and self.options.layout != "ms2"

    def views(self, frames: Mapping[str, NDArray[Any]], match: Match | None) -> PairViews:
        """What is written of the frames of a pair."""
        if self.geometry is None:
            return raw_views(frames)
        if match is None:
            return rectified_views(frames, self.geometry)
        return registered_views(frames, self.geometry, match)


def _calibrated(
    folder: Path, manifest: Manifest, roles: Mapping[str, str], options: ExportConfig
) -> tuple[Path | None, ExportGeometry | None]:
    """The calibration and what it says; neither if frames are to be taken as they are."""
    file = _calibration_file(folder, manifest, options)
    if file is None:
        return None, None
    rig = read_calibration(file)
    check_sizes(rig, manifest.cameras)
    kept_one_is_partial = options.calibration is None and not can_register(rig, roles)
    if options.layout == "pairs" and kept_one_is_partial:
        return None, None
    return file, ExportGeometry.of(rig, roles)


def _calibration_file(folder: Path, manifest: Manifest, options: ExportConfig) -> Path | None:
    if options.calibration is not None:
        return options.calibration
    if manifest.calibration:
        kept = folder / manifest.calibration
        if not kept.is_file() or sha256_of(kept) != manifest.calibration_sha256:
            raise ReadError(
                f"{kept} is absent or is not the calibration that was recorded. Pass the right "
                "one with --calibration.",
                path=kept,
            )
        return kept
    if options.layout != "pairs":
        raise CalibrationError(
            f"layout {options.layout} needs rectified thermal views, and {folder} holds no "
            "calibration. Pass --calibration JSON of thermoscope rig calibrate, or choose "
            "--layout pairs, which takes frames as they are."
        )
    return None


def _used_roles(
    roles: Mapping[str, str], layout: Layout, geometry: ExportGeometry | None
) -> dict[str, str]:
    """Roles that the layout writes; every other camera is left alone."""
    used = dict(roles)
    if geometry is None or geometry.colour_pair is None or layout != "ms2":
        used.pop("rgb_right", None)
    return used


def _model_facts(options: ExportConfig) -> dict[str, Any]:
    if options.model == SGBM:
        return {"name": SGBM, "licence": "OpenCV, Apache-2.0", "trained_on": []}
    card, _ = find_weights(options.model, folder=options.weights)
    if card.model != "thermostereort":
        raise ConfigError(
            f"model {options.model!r} does not match stereo pairs. Name a thermostereort, or sgbm."
        )
    return {
        "name": card.name,
        "sha256": card.sha256,
        "licence": card.licence,
        "trained_on": [{"name": s.name, "licence": s.licence} for s in card.sources],
    }


def _planned(job: _Job) -> ExportPlan:
    return plan_export(
        job.folder,
        job.manifest,
        job.roles,
        rate_hz=job.options.rate_hz,
        settle_s=job.options.settle_s,
        max_gap_ms=job.options.max_gap_ms,
    )


def _write_pairs(
    job: _Job,
    plan: ExportPlan,
    ledger: ExportLedger,
    missing: list[int],
    on_pair: Progress | None,
) -> None:
    match = _matcher(job.options) if job.registered else None
    with ledger.appending() as add:
        for number, frames in _frames(job, plan, missing):
            views = job.views(frames, match)
            facts = _facts(plan, number, views)
            add(number, pair_files(job.run, number, plan.pairs[number], views), facts)
            if on_pair is not None:
                on_pair(len(ledger.done), len(plan.pairs))


def _facts(plan: ExportPlan, number: int, views: PairViews) -> dict[str, Any]:
    """Of a pair, for the manifest."""
    facts: dict[str, Any] = {"t_ns": plan.pairs[number].t_ns}
    frames = plan.pairs[number].frames
    facts["dt_ns"] = {f.camera: f.dt_ns for role, f in frames.items() if role != "thermal"}
    if views.registration is not None:
        shares = views.registration.shares
        facts["mask_share"] = {name: round(share, 6) for name, share in shares.items()}
    return facts


def _matcher(options: ExportConfig) -> Match:
    if options.model == SGBM:
        from thermoscope.engine.stereo_baselines import Sgbm

        return Sgbm().predict
    from thermoscope.models.load import load_model

    model = load_model(options.model, folder=options.weights)
    return partial(model.predict, check_left_right=options.check_left_right)


def _frames(
    job: _Job, plan: ExportPlan, numbers: list[int]
) -> Iterator[tuple[int, dict[str, NDArray[Any]]]]:
    """The pictures of each wanted pair by role; all cameras are read side by side."""
    pairs = {number: plan.pairs[number].frames for number in numbers}
    with ExitStack() as stack:
        streams = {
            role: _pictures(job.folder, name, {p[role].sequence for p in pairs.values()}, stack)
            for role, name in job.roles.items()
        }
        for number in numbers:
            pictures = {role: next(stream, None) for role, stream in streams.items()}
            yield number, _all_there(job, number, pictures)


def _all_there(
    job: _Job, number: int, pictures: Mapping[str, NDArray[Any] | None]
) -> dict[str, NDArray[Any]]:
    found = {role: picture for role, picture in pictures.items() if picture is not None}
    lost = [job.roles[role] for role in pictures if role not in found]
    if lost:
        raise ReadError(
            f"{job.folder} has no frame of {', '.join(lost)} for pair {number} any more. "
            "Was a segment removed? See: thermoscope rig verify.",
            path=job.folder,
        )
    return found


def _pictures(
    folder: Path, name: str, sequences: Collection[int], stack: ExitStack
) -> Iterator[NDArray[np.generic]]:
    camera = stack.enter_context(RecordedCamera(folder, name, pace="fast"))
    for frame in camera.frames(only=sequences):
        yield frame.image


def _report(
    job: _Job, plan: ExportPlan, ledger: ExportLedger, written: int, out: Path
) -> ExportReport:
    shares = [entry["mask_share"]["valid"] for entry in ledger.done.values() if job.registered]
    return ExportReport(
        folder=out / job.run.folder,
        manifest=ledger.manifest,
        pairs=len(plan.pairs),
        written=written,
        registered=job.registered,
        valid_share=float(np.mean(shares)) if shares else 1.0,
        left_out=plan.left_out,
        notes=tuple(_notes(job, plan)),
    )


def _notes(job: _Job, plan: ExportPlan) -> Iterator[str]:
    for camera, told in plan.skew.items():
        if "unknown" in told:
            yield f"the skew of {camera} is not known, stamps alone pair it: {told['unknown']}"
    model = job.head["model"]
    for source in model["trained_on"] if model else ():
        if terms_of(source["licence"]) != "permissive":
            yield (f"{model['name']} was trained on {source['name']}, licence: {source['licence']}")
