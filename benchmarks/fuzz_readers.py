"""10,000 damaged files through `thermoscope.read`: each ends in an error of ours or in an image.

Run:
    python benchmarks/fuzz_readers.py                      # 10,000 files, about 5 minutes
    python benchmarks/fuzz_readers.py --files 2000 --data ../shared/data
    python benchmarks/fuzz_readers.py --only 4711          # one of them, with traceback

A worker process reads the files one after the other under a memory bound and a 5 s alarm; when it
dies, the file it was at is a crash or a hang, and the next worker goes on behind it. The result
(with commit and hardware) goes to benchmarks/results/fuzz_readers.json. The exit status is 1 if a
file ended in anything but an error of ours or an image with the flags it deserves.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.fuzz_seeds import ROOT, Mutant, make_seeds, mutant

from thermoscope.core.files import data_folder

CLEAN = ("error", "valid", "valid+flags")
OUTCOMES = (*CLEAN, "foreign exception", "hang", "crash", "over memory", "silent absurd")
SECONDS = 5
MEMORY_BYTES = 500 << 20
RESULT = ROOT / "benchmarks" / "results" / "fuzz_readers.json"
PLAUSIBLE_K = (173.15, 3273.15)  # -100 to 3000 degrees Celsius
MOST_ABSURD = 0.01


def read_ours(path: Path, case: Mutant) -> str:
    """Outcome class of our reader on one file; foreign exceptions pass through."""
    from thermoscope.core.errors import ThermoscopeError
    from thermoscope.io.read import read

    try:
        image = read(path, shape=case.seed.shape)
        outcome = judged(image)
        if outcome in CLEAN and image.source.frame_count != 1:
            judged(read(path, shape=case.seed.shape, frame=1))
    except ThermoscopeError as err:
        return "over memory" if out_of_memory(err) else "error"
    return outcome


def out_of_memory(err: BaseException | None) -> bool:
    """Whether an error of ours hides that the memory bound was hit."""
    while err is not None:
        if isinstance(err, MemoryError):
            return True
        err = err.__cause__ or err.__context__
    return False


def judged(image: Any) -> str:
    """Whether an image is valid, valid with flags, or absurd without the flag that says so."""
    from thermoscope.sensor.quality import Quality

    values = np.asarray(image.values)
    if values.size == 0:
        return "silent absurd"
    if image.kind == "kelvin":
        finite = np.isfinite(values)
        with np.errstate(invalid="ignore"):
            wild = finite & ((values < PLAUSIBLE_K[0]) | (values > PLAUSIBLE_K[1]))
        cut = {Quality.NON_FINITE, Quality.TRUNCATED, Quality.TORN}
        if 1 - finite.mean() > MOST_ABSURD and not cut & image.quality:
            return "silent absurd"
        if wild.mean() > MOST_ABSURD and Quality.IMPLAUSIBLE not in image.quality:
            return "silent absurd"
    return "valid+flags" if image.quality else "valid"


def read_flyr(path: Path, _: Mutant) -> str:
    """The same for flyr: its own error is ValueError; it has no flags."""
    import flyr

    try:
        kelvin = flyr.unpack(str(path)).kelvin
    except ValueError:
        return "error"
    absurd = ~np.isfinite(kelvin) | (kelvin < PLAUSIBLE_K[0]) | (kelvin > PLAUSIBLE_K[1])
    return "silent absurd" if kelvin.size == 0 or absurd.mean() > MOST_ABSURD else "valid"


READERS: dict[str, Callable[[Path, Mutant], str]] = {"thermoscope": read_ours, "flyr": read_flyr}


def judge(read: Callable[[Path, Mutant], str], case: Mutant, folder: Path) -> tuple[str, str]:
    """(outcome, detail) of one file; the file is written to `folder` first."""
    path = folder / f"case{case.seed.suffix}"
    path.write_bytes(case.data)
    try:
        return read(path, case), ""
    except MemoryError:
        return "over memory", "MemoryError"
    except Exception as err:  # the finding itself
        frame = traceback.extract_tb(err.__traceback__)[-1]
        text = str(err).replace(str(folder), "")
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        return "foreign exception", f"{type(err).__name__} at {where}: {text[:100]}"


# -- worker ---------------------------------------------------------------------------------------


def bound_memory() -> None:
    """Allow `MEMORY_BYTES` of address space beyond what is mapped now."""
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_BYTES, resource.RLIM_INFINITY))


def work(job: Job, start: int) -> None:
    """Judge files `start` to `job.stop`; one JSON line before and one after each."""
    seeds = job.seeds()
    read = READERS[job.reader]
    if job.reader == "thermoscope":
        warnings.simplefilter("error")  # a warning that escapes is a finding too
    else:
        warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(dir=fast_folder()) as name:
        folder = Path(name)
        for warm in range(min(len(seeds), job.stop)):  # import everything before the bound is set
            signal.setitimer(signal.ITIMER_REAL, 2 * SECONDS)
            judge(read, mutant(seeds, job.random_seed, warm), folder)
        signal.setitimer(signal.ITIMER_REAL, 0)
        bound_memory()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for index in range(start, job.stop):
            case = mutant(seeds, job.random_seed, index)
            say({"start": index})
            begun = time.perf_counter()
            signal.setitimer(signal.ITIMER_REAL, SECONDS)  # default action: the process dies
            outcome, detail = judge(read, case, folder)
            signal.setitimer(signal.ITIMER_REAL, 0)
            seconds = time.perf_counter() - begun
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
            say({"index": index, "outcome": outcome, "detail": detail, "s": seconds, "kb": grown})


def say(line: dict[str, Any]) -> None:
    """One line to the parent, at once."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def fast_folder() -> str | None:
    """A folder in memory if the system has one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108


# -- parent ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """What one run reads.

    Attributes:
        reader: A key of `READERS`.
        files: Number of mutants; of the first seed of a family if `only_flir_jpegs`.
        random_seed: Seed of the mutations.
        data: Folder of real files, or None.
        only_flir_jpegs: Damage radiometric JPEGs alone (for the comparison with flyr).
    """

    reader: str
    files: int
    random_seed: int
    data: Path | None
    only_flir_jpegs: bool = False

    @property
    def stop(self) -> int:
        """Index behind the last mutant."""
        return self.files

    def seeds(self) -> list[Any]:
        """The seeds of this run."""
        seeds = make_seeds(self.data)
        if not self.only_flir_jpegs:
            return seeds
        real = ("real raw/flir_rjpeg", "real calib/airlab")
        jpegs = [s for s in make_seeds(self.data, each=4) if s.family.startswith(real)]
        return jpegs or [s for s in seeds if s.family == "flir-rjpeg"]

    def command(self, start: int) -> list[str]:
        """The worker's command line."""
        line = [sys.executable, __file__, "--worker", str(start), "--reader", self.reader]
        line += ["--files", str(self.files), "--seed", str(self.random_seed)]
        line += ["--data", str(self.data) if self.data else "none"]
        return [*line, "--flir-jpegs"] if self.only_flir_jpegs else line


def results(job: Job) -> Iterator[dict[str, Any]]:
    """One result per file; a file at which the worker died is a hang or a crash."""
    index = 0
    while index < job.stop:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        worker = subprocess.Popen(
            job.command(index), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        started = None
        for raw in worker.stdout or ():
            line = json.loads(raw)
            if "start" in line:
                started = line["start"]
                continue
            index = line["index"] + 1
            started = None
            yield line
        status = worker.wait()
        if started is None:
            if status:
                raise RuntimeError(f"the worker failed outside of any file, status {status}")
            return
        outcome = "hang" if status == -signal.SIGALRM else "crash"
        yield {"index": started, "outcome": outcome, "detail": f"status {status}", "s": 0, "kb": 0}
        index = started + 1


def run(job: Job) -> dict[str, Any]:
    """Counts, examples and extremes of a whole run."""
    seeds = job.seeds()
    table: dict[str, Counter[str]] = {}
    examples: list[dict[str, Any]] = []
    slowest, largest = (0.0, -1), (0, -1)
    begun = time.perf_counter()
    for result in results(job):
        case = mutant(seeds, job.random_seed, result["index"])
        table.setdefault(case.seed.family, Counter())[result["outcome"]] += 1
        slowest = max(slowest, (result["s"], result["index"]))
        largest = max(largest, (result["kb"], -result["index"]))  # the first to reach the peak
        if result["outcome"] not in CLEAN:
            about = {"seed": f"{case.seed.family}: {case.seed.name}", "how": case.how}
            examples.append({k: result[k] for k in ("index", "outcome", "detail")} | about)
    total = sum(table.values(), Counter())
    return {
        "reader": job.reader,
        "files": job.files,
        "random_seed": job.random_seed,
        "outcomes": {name: total[name] for name in OUTCOMES},
        "by_family": {family: dict(counts) for family, counts in sorted(table.items())},
        "not_clean": len(examples),
        "examples": examples[:40],
        "slowest_file_s": round(slowest[0], 3),
        "slowest_index": slowest[1],
        "peak_growth_mb": round(largest[0] / 1024, 1),
        "peak_index": -largest[1],
        "wall_s": round(time.perf_counter() - begun, 1),
    }


def provenance() -> dict[str, Any]:
    """Commit, machine and versions."""
    git = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False)
    known = commit.returncode == 0
    changed = subprocess.run(
        [*git[:3], "status", "--porcelain", "src"], capture_output=True, text=True, check=False
    )
    models = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "commit": commit.stdout.strip() if known else "uncommitted",
        "uncommitted_changes": bool(changed.stdout.strip()),
        "cpu": f"{len(models)} x {models[0] if models else 'unknown'}",
        "python": sys.version.split()[0],
        "numpy": np.__version__,
    }


def show(report: dict[str, Any]) -> None:
    """The table for people."""
    print(f"\n{report['reader']}: {report['files']} files, {report['wall_s']} s", end="; ")
    print(
        f"slowest {report['slowest_file_s']} s (file {report['slowest_index']}), "
        f"memory +{report['peak_growth_mb']} MB (file {report['peak_index']})"
    )
    print(f"{'family':28}" + "".join(f"{name:>19}" for name in OUTCOMES))
    for family, counts in report["by_family"].items():
        print(f"{family:28}" + "".join(f"{counts.get(name, 0):>19}" for name in OUTCOMES))
    print(f"{'all':28}" + "".join(f"{report['outcomes'][name]:>19}" for name in OUTCOMES))
    for example in report["examples"][:8]:
        print("  ", example)


def explain(job: Job, index: int) -> int:
    """Read one mutant in this process, with the traceback if there is one."""
    case = mutant(job.seeds(), job.random_seed, index)
    print(f"{case.seed.family}: {case.seed.name}, {case.how}, {len(case.data)} bytes")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"case{case.seed.suffix}"
        path.write_bytes(case.data)
        print(READERS[job.reader](path, case))
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Damaged files through every reader.")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", default="", help="folder of real files; 'none' for none")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--baseline-files", type=int, default=3000, help="for flyr; 0 = skip")
    parser.add_argument("--only", type=int, help="read this one mutant and stop")
    parser.add_argument("--reader", default="thermoscope", choices=sorted(READERS))
    parser.add_argument("--flir-jpegs", action="store_true", help="damage FLIR JPEGs alone")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Run, print the table, write the result; 1 if any file ended badly."""
    options = arguments()
    data = None if options.data == "none" else Path(options.data or data_folder() or "none")
    data = data if data is not None and data.is_dir() else None
    job = Job(options.reader, options.files, options.seed, data, options.flir_jpegs)
    if options.worker is not None:
        work(job, options.worker)
        return 0
    if options.only is not None:
        return explain(job, options.only)
    reports = [run(job)]
    if options.baseline_files and job.reader == "thermoscope":
        for reader in ("thermoscope", "flyr"):
            reports.append(run(Job(reader, options.baseline_files, options.seed, data, True)))
    for report in reports:
        show(report)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(provenance() | {"runs": reports}, indent=1) + "\n")
    print(f"\nwritten: {options.out}")
    return int(any(r["not_clean"] for r in reports if r["reader"] == "thermoscope"))


if __name__ == "__main__":
    sys.exit(main())
