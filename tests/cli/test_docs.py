"""The page of the command line names what exists."""

import re
import shlex
from pathlib import Path

import pytest

from thermoscope.cli.main import VERBS, main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text("utf-8")
TEXT = PAGE + (ROOT / "README.md").read_text("utf-8")
LINES = [line.split(" #")[0] for line in re.findall(r"^\$ thermoscope (.+)$", TEXT, re.MULTILINE)]


def test_every_verb_is_on_the_page():
    named = {line.split()[0] for line in LINES} | set(re.findall(r"thermoscope (\w+) --help", PAGE))
    assert set(VERBS) <= named


SUB_VERB = {"scenes", "train"}  # whose flags are those of the word after them
WORDS = {"eval": ["depth"]}


def _asked(line: str) -> tuple[str, ...]:
    verb, *rest = line.split()
    return (verb, rest[0]) if verb in SUB_VERB else (verb,)


@pytest.mark.parametrize("asked", sorted({_asked(line) for line in LINES}), ids=" ".join)
def test_every_flag_on_the_page_exists(asked, capsys):
    with pytest.raises(SystemExit):
        main([*asked, *WORDS.get(asked[0], []), "--help"])
    known = set(re.findall(r"--[a-z][a-z0-9.-]*", capsys.readouterr().out))
    lines = [shlex.split(line) for line in LINES if _asked(line) == asked]
    used = {word for words in lines for word in words if word.startswith("--")}
    assert used <= known
