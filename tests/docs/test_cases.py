"""The case studies: their programs run, and a page shows the figures that its program prints."""

import re
import runpy
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT

_NUMBER = re.compile(r"[-−]?\d+(\.\d+)?")
#: By program, its page, and in how many lines it prints figures.
CASES = {"digits_writers": ("digits", 3), "trec_words": ("questions", 18), "docstrings_model": ("docstrings", 12)}


def figures(text: str) -> list[str]:
    """The names of figures in a text and the lines below them, without the numbers."""
    found = re.findall(r"^ *(.+:|\w+: [\d.]+ (?:%|nats) ± [\d.]+ \([\d., ]+\))$", text, re.M)
    return [_NUMBER.sub("#", line.partition(" (")[0]) for line in found if not line.startswith("findings of")]


def questions() -> list[str]:
    """Lines in the form of TREC.train, of every class."""
    asked = {"ENTY:animal": "What animal {}", "HUM:ind": "Who {}", "LOC:city": "Where {}", "NUM:count": "How many {}"}
    asked |= {"DESC:def": "What is {}", "ABBR:exp": "What does {} stand for"}
    things = [f"{one} {other}" for one, other in product("abcdefghij", "klmnopqrst")]
    return [f"{kind} {words.format(thing)} ?" for kind, words in asked.items() for thing in things]


@pytest.mark.slow
@pytest.mark.parametrize("program", CASES)
def test_a_page_shows_the_figures_that_its_program_prints(program: str, tmp_path: Path) -> None:
    command = [sys.executable, f"examples/{program}.py", "--small", "--seeds", "1", "--log-dir", str(tmp_path / "logs")]
    if program == "trec_words":
        for name in ("TREC.train", "TREC.test"):
            (tmp_path / name).write_text("\n".join(questions()))
        command.append(str(tmp_path))
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    name, lines = CASES[program]
    page = (DOCS / "cases" / f"{name}.md").read_text()
    shown = "\n".join(re.findall(r"^    (.*)$", page, re.M))
    assert f"python examples/{program}.py" in page
    assert figures(printed) == figures(shown)
    assert len(figures(printed)) == lines
    assert "findings of plain:" in printed


def test_a_program_without_its_data_says_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "TREC.test").touch()
    monkeypatch.syspath_prepend(ROOT / "examples")
    monkeypatch.setattr(sys, "argv", ["trec_words.py", str(tmp_path), "--log-dir", str(tmp_path / "logs")])
    with pytest.raises(SystemExit, match=r"no TREC\.train in .*cogcomp\.seas\.upenn\.edu"):
        runpy.run_path(str(ROOT / "examples" / "trec_words.py"), run_name="__main__")
    assert not (tmp_path / "logs").exists()
