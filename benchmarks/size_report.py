"""Lines per module and function, documentation and test share: the code's own budget.

Run: python benchmarks/size_report.py   (exit status 1 if a hard limit is broken)
"""

from __future__ import annotations

import ast
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE_CAP, PAPER_CAP, FUNCTION_CAP = 500, 700, 60


def functions_of(path: Path) -> list[tuple[str, int]]:
    """(name, lines of body without docstring) of every function in a file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            found.append((f"{path.relative_to(ROOT)}:{node.name}", lines))
    return found


def code_lines(folder: str) -> int:
    """Non-blank lines of all Python files below `folder`."""
    files = (ROOT / folder).rglob("*.py")
    return sum(bool(line.strip()) for f in files for line in f.read_text("utf-8").splitlines())


def main() -> int:
    """Print the report; 1 if a hard limit is broken."""
    sources = sorted((ROOT / "src").rglob("*.py"))
    lengths = {s: s.read_text(encoding="utf-8").count("\n") for s in sources}
    bodies = [item for s in sources for item in functions_of(s)]
    sizes = sorted(n for _, n in bodies)
    src, tests = code_lines("src"), code_lines("tests")
    print(f"modules   {len(sources)}, median {statistics.median(lengths.values()):.0f} lines")
    print(f"functions {len(sizes)}, median {statistics.median(sizes):.0f} lines, ", end="")
    print(f"p90 {sizes[int(0.9 * len(sizes))]}, longest {sizes[-1]}")
    print(f"code {src} lines, tests {tests} lines, ratio {tests / src:.2f}")
    broken = [f"{name} has {n} lines" for name, n in bodies if n > FUNCTION_CAP]
    for path, n in lengths.items():
        if n > (PAPER_CAP if path.parent.name == "models" else MODULE_CAP):
            broken.append(f"{path.relative_to(ROOT)} has {n} lines")
    for line in broken:
        print("over the limit:", line)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
