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


WORDS = {
    "scenes": ["render"],
    "train": ["distill_anythermal"],
    "place": [],
    "eval": ["depth"],
}


@pytest.mark.parametrize("verb", sorted({line.split()[0] for line in LINES}))
def test_every_flag_on_the_page_exists(verb, capsys):
    with pytest.raises(SystemExit):
        main([verb, *WORDS.get(verb, []), "--help"])
    known = set(re.findall(r"--[a-z][a-z0-9.-]*", capsys.readouterr().out))
    lines = [shlex.split(line) for line in LINES if line.split()[0] == verb]
    used = {word for words in lines for word in words if word.startswith("--")}
    assert used <= known
