"""Takes the pictures of a page of docs/cases of the runs of its program in examples/.

Usage: python scripts/cases.py CASE LOGDIR    # digits, questions or docstrings, and the directory that holds its run `plain`
"""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.example_pictures import take_pictures  # noqa: E402
from tensorboard_activis import open_run  # noqa: E402 - the checkout, not an installed version


def digits(directory: Path) -> dict[str, dict[str, Any]]:
    """Of examples/digits_writers.py: the list of findings, and a label in doubt."""
    layers = ["norm3/relu"]
    row = open_run(directory / "plain").latest.index_of(1662)
    return {
        "findings": {"layers": layers, "findings": [None, None]},
        "suspect": {"layers": layers, "selection": {"kind": "instance", "row": row}},
    }


def questions(directory: Path) -> dict[str, dict[str, Any]]:
    """Of examples/trec_words.py: the findings, that of “what” chosen, and how far layers have moved since before the training."""
    row = open_run(directory / "plain").latest.index_of(958)  # What singer sings “Oh Boy”?
    return {
        "findings": {
            "layers": ["hidden"],
            "findings": [None, None],
            "finding": 'shortcut|first == "what" and label != "ENTY"||ENTY',
        },
        "moved": {"layers": ["embed"], "compare": ["plain", 0], "selection": {"kind": "instance", "row": row}},
    }


def docstrings(directory: Path) -> dict[str, dict[str, Any]]:
    """Of examples/docstrings_model.py: the note that says what looks like padding, and where padding is in the projection."""
    layers = ["blocks.1.mlp.1"]
    return {
        "note": {"layers": layers, "findings": [None, None]},
        "padding": {"layers": layers, "expression": 'token == "[pad]"'},
    }


CASES = {"digits": digits, "questions": questions, "docstrings": docstrings}


def main() -> None:
    case, directory = sys.argv[1:]
    take_pictures(Path(directory), "plain", CASES[case](Path(directory)), f"case-{case}")


if __name__ == "__main__":
    main()
