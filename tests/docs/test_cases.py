"""The case studies: their programs run, and a page shows the figures that its program prints."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT

_NUMBER = re.compile(r"[-−]?\d+(\.\d+)?")
#: By program, its page.
CASES = {"digits_writers": "digits"}


def figures(text: str) -> list[str]:
    """The names of figures in a text and the lines below them, without the numbers."""
    found = re.findall(r"^ *(.+:|\w+: [\d.]+ % ± [\d.]+ \([\d., ]+\))$", text, re.M)
    return [_NUMBER.sub("#", line.partition(" (")[0]) for line in found if not line.startswith("findings of")]


@pytest.mark.slow
@pytest.mark.parametrize("program", CASES)
def test_a_page_shows_the_figures_that_its_program_prints(program: str, tmp_path: Path) -> None:
    command = [sys.executable, f"examples/{program}.py", "--small", "--seeds", "1", "--log-dir", str(tmp_path)]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    page = (DOCS / "cases" / f"{CASES[program]}.md").read_text()
    shown = "\n".join(re.findall(r"^    (.*)$", page, re.M))
    assert f"python examples/{program}.py" in page
    assert figures(printed) == figures(shown)
    assert len(figures(printed)) == 3
    assert "findings of plain:" in printed
