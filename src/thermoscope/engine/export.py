"""A network as one file for another runtime: ONNX, or OpenVINO's pair of .xml and .bin.

One graph, a free batch, one size. The file carries what its user must know (input spec, hash of the
weights, disparity range, version), is compared with torch before it is written, and is written
whole or not at all. What is NOT here: what each network's graph is
(`thermoscope.engine.export_plans`), running files in production.
"""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from thermoscope.core.errors import ConfigError, ReadError, WriteError
from thermoscope.core.files import answer, atomic_write, check_folder
from thermoscope.engine.export_check import (
    Difference,
    operator_counts,
    refused_by_tensorrt,
    worst_differences,
)
from thermoscope.engine.export_packages import openvino_package, optional_package
from thermoscope.engine.export_plans import ExportPlan, plan_for
from thermoscope.models.anythermal import Features

__all__ = [
    "FORMATS",
    "OPSET",
    "ExportReport",
    "Format",
    "export_model",
    "onnx_graph",
    "quiet_tracing",
    "read_facts",
]

Format = Literal["onnx", "openvino"]
FORMATS: dict[str, str] = {"onnx": ".onnx", "openvino": ".xml"}
OPSET = 18  # the newest that the exporter writes without conversion; TensorRT 10 reads 9 to 24
TOLERANCE = 1e-3  # of the largest value of an output: float32 sums in another order stay below
HALF_TOLERANCE = 3e-2  # weights with 11 bits, through tens of layers
FACTS = "thermoscope"


@dataclass(frozen=True)
class ExportReport:
    """What was written and how it was checked.

    Attributes:
        files: Written; empty where the check failed.
        to: ``"onnx"`` or ``"openvino"``.
        opset: Of the ONNX operators.
        size_px: Height and width.
        inputs: Names.
        outputs: Names.
        operators: Name to count, in the ONNX graph.
        tensorrt_refuses: In words; empty if its parser should take the graph.
        differences: Each output and batch against torch.
        tolerance: Share of an output's largest value that may differ.
        half: Whether weights are stored in half precision.
        facts: What the file says about itself.
        seconds: All of it.
    """

    files: tuple[Path, ...]
    to: Format
    opset: int
    size_px: tuple[int, int]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operators: dict[str, int]
    tensorrt_refuses: list[str]
    differences: list[Difference]
    tolerance: float
    half: bool
    facts: dict[str, str]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every output is within tolerance."""
        return all(d.passed for d in self.differences)


def export_model(
    network: nn.Module,
    path: str | Path,
    *,
    to: Format = "onnx",
    size_px: tuple[int, int] | None = None,
    inputs: str | None = None,
    half: bool = False,
    tolerance: float | None = None,
    overwrite: bool = False,
) -> ExportReport:
    """Write `network` as a file for another runtime, if that file answers as torch does.

    Args:
        network: As `load_model` gives it.
        path: ``.onnx``, or ``.xml`` for OpenVINO, whose ``.bin`` goes beside it.
        to: Format.
        size_px: Height and width; the default of the family if None.
        inputs: What a `Sartm` is shown, see `plan_for`.
        half: Store weights in half precision (OpenVINO).
        tolerance: Share of an output's largest value that may differ; 0.001, or 0.03 with `half`,
            if None.
        overwrite: Whether files that exist may be replaced.

    Returns:
        The report; nothing is written where its ``passed`` is False.

    Raises:
        ConfigError: A network without a plan, inputs that it does not take, another suffix, an
            unknown format, `half` for ONNX, or a `tolerance` that is not positive.
        ShapeError: A size that the network does not take.
        WriteError: A file exists, or cannot be written.
        MissingDependencyError: A package of the extra ``export`` is not installed.
    """
    start = time.perf_counter()
    allowed = (HALF_TOLERANCE if half else TOLERANCE) if tolerance is None else tolerance
    files = _targets(Path(path), to, half=half, tolerance=allowed, overwrite=overwrite)
    _check_packages(to)
    plan = plan_for(network, size_px, inputs=inputs)
    model = onnx_graph(plan)
    facts = {**plan.facts, "opset": str(OPSET), "half": str(half).lower()}
    write = _write_onnx if to == "onnx" else _write_openvino
    differences = write(_Job(plan, facts, files, allowed), model)
    passed = all(d.passed for d in differences)
    return ExportReport(
        files=files if passed else (),
        to=to,
        opset=OPSET,
        size_px=plan.size_px,
        inputs=plan.inputs,
        outputs=plan.outputs,
        operators=operator_counts(model),
        tensorrt_refuses=refused_by_tensorrt(model),
        differences=differences,
        tolerance=allowed,
        half=half,
        facts=facts,
        seconds=time.perf_counter() - start,
    )


def _check_packages(to: Format) -> None:
    for package in ("onnx", "onnxscript"):
        optional_package(package, purpose="writing ONNX")
    if to == "openvino":
        openvino_package(purpose="writing OpenVINO files")
    else:
        optional_package("onnxruntime", purpose="checking an ONNX file")


def _targets(
    path: Path, to: Format, *, half: bool, tolerance: float, overwrite: bool
) -> tuple[Path, ...]:
    if to not in get_args(Format):
        raise ConfigError(f"unknown format {to!r}. Choose from {', '.join(FORMATS)}.")
    if path.suffix != FORMATS[to]:
        raise ConfigError(f"{path} must end in {FORMATS[to]} for {to}. Rename it or change --to.")
    if half and to == "onnx":
        raise ConfigError(
            "half precision is for openvino; TensorRT and ONNX Runtime choose theirs when they "
            "load a float32 file. Leave --half away."
        )
    if not tolerance > 0:
        raise ConfigError(f"tolerance must be positive, got {tolerance:g}.")
    check_folder(path.parent)
    files = (path,) if to == "onnx" else (path.with_suffix(".bin"), path)
    for file in files:
        if answer(file.is_dir):
            raise WriteError(f"{file} is a folder. Give a file in it.")
        if answer(file.exists) and not overwrite:
            raise WriteError(f"{file} exists. Pass --overwrite to replace it.")
    return files


# -- graphs ---------------------------------------------------------------------------------------


@contextmanager
def quiet_tracing() -> Iterator[None]:
    """While torch traces a network: no advice to its own developers, and no log of each operator.

    That log is off unless some handler listens to everything, as test runners and services have
    it; tracing is then a hundred times slower.
    """
    chatty, trace = logging.getLogger("torch.onnx"), logging.getLogger("torch.__trace")
    level, handlers = chatty.level, [*trace.handlers]
    chatty.setLevel(logging.ERROR)
    for handler in handlers:
        trace.removeHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        chatty.setLevel(level)
        for handler in handlers:
            trace.addHandler(handler)


def onnx_graph(plan: ExportPlan) -> Any:
    """The plan's graph as an ``onnx.ModelProto`` with a free batch.

    Raises:
        MissingDependencyError: onnx or onnxscript is not installed.
    """
    for package in ("onnx", "onnxscript"):
        optional_package(package, purpose="writing ONNX")
    batch = torch.export.Dim("batch")
    examples = tuple(torch.from_numpy(a) for a in plan.example(2, 0))
    with quiet_tracing(), torch.inference_mode(mode=False), torch.no_grad():
        program = torch.onnx.export(
            plan.graph,
            examples,
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=list(plan.inputs),
            output_names=list(plan.outputs),
            dynamic_shapes=tuple({0: batch} for _ in examples),
            external_data=False,
        )
    if program is None:
        raise ConfigError("torch gave no ONNX program. Update torch to 2.6 or newer.")
    model = program.model_proto
    for entry in [*model.graph.node]:  # where a line of our code stands is of no use to a runtime
        del entry.metadata_props[:]
    return model


def _reference(plan: ExportPlan, tensors: Sequence[torch.Tensor]) -> list[NDArray[Any]]:
    with torch.inference_mode():
        answer = plan.reference(*tensors)
    if isinstance(answer, Features):
        answer = (answer.cls, answer.grid)
    answers = (answer,) if isinstance(answer, torch.Tensor) else answer
    return [a.float().numpy() for a in answers]


# -- formats --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    """What is written where, and how good it must be."""

    plan: ExportPlan
    facts: dict[str, str]
    files: tuple[Path, ...]
    tolerance: float

    def compared(
        self, run: Callable[[list[NDArray[np.float32]]], Sequence[NDArray[Any]]]
    ) -> list[Difference]:
        """The runtime's answers beside those of torch."""
        return worst_differences(
            self.plan, lambda t: _reference(self.plan, t), run, tolerance=self.tolerance
        )


def _write_onnx(job: _Job, model: Any) -> list[Difference]:
    onnx = optional_package("onnx", purpose="writing ONNX")
    runtime = optional_package("onnxruntime", purpose="checking an ONNX file")
    onnx.helper.set_model_props(model, {f"{FACTS}.{key}": text for key, text in job.facts.items()})
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(arrays: list[NDArray[np.float32]]) -> Sequence[NDArray[Any]]:
        feed = dict(zip(job.plan.inputs, arrays, strict=True))
        answers: Sequence[NDArray[Any]] = session.run(list(job.plan.outputs), feed)
        return answers

    found = job.compared(run)
    if all(d.passed for d in found):
        with atomic_write(job.files[0]) as stream:
            stream.write(content)
    return found


def _write_openvino(job: _Job, model: Any) -> list[Difference]:
    onnx = optional_package("onnx", purpose="writing ONNX")
    openvino = openvino_package(purpose="writing OpenVINO files")
    with tempfile.TemporaryDirectory(prefix="thermoscope-") as folder:
        middle, draft = Path(folder) / "graph.onnx", Path(folder) / "graph.xml"
        onnx.save(model, middle)
        graph = openvino.convert_model(middle)
        for key, text in job.facts.items():
            graph.set_rt_info(text, [FACTS, key])
        openvino.save_model(graph, draft, compress_to_fp16=job.facts["half"] == "true")
        # Read again from disk: what is checked is what is written.
        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        compiled = openvino.Core().compile_model(draft, "CPU", settings)

        def run(arrays: list[NDArray[np.float32]]) -> Sequence[NDArray[Any]]:
            answers = compiled(arrays)
            return [np.array(answers[name]) for name in job.plan.outputs]

        found = job.compared(run)
        if all(d.passed for d in found):
            for file in job.files:  # the weights first: the .xml makes them a network
                with atomic_write(file) as stream:
                    stream.write(draft.with_suffix(file.suffix).read_bytes())
    return found


def read_facts(path: str | Path) -> dict[str, str]:
    """What an exported file says about itself; empty if thermoscope did not write it.

    Args:
        path: ``.onnx`` or ``.xml``.

    Raises:
        ReadError: No such file, or not of these formats.
        MissingDependencyError: onnx, or openvino, is not installed.
    """
    file = Path(path)
    if not file.is_file():
        raise ReadError(f"no exported network at {file}.", path=file)
    if file.suffix == ".onnx":
        onnx = optional_package("onnx", purpose="reading ONNX")
        try:
            properties = onnx.load(file, load_external_data=False).metadata_props
        except Exception as err:  # protobuf's own error classes differ between its builds
            raise ReadError(f"{file} is not an ONNX file: {err}.", path=file) from err
        start = f"{FACTS}."
        return {p.key.removeprefix(start): p.value for p in properties if p.key.startswith(start)}
    if file.suffix != ".xml":
        raise ReadError(f"{file} must end in .onnx or .xml.", path=file)
    openvino = openvino_package(purpose="reading OpenVINO files")
    try:
        graph = openvino.Core().read_model(file)
    except RuntimeError as err:
        reason = str(err).strip().splitlines()[-1]
        raise ReadError(f"{file} is not an OpenVINO network: {reason}", path=file) from err
    if not graph.has_rt_info([FACTS]):
        return {}
    return {key: str(text) for key, text in graph.get_rt_info([FACTS]).value.items()}
