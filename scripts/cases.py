"""Takes the pictures of docs/cases/digits.md of the runs of examples/digits_writers.py.

Usage: python scripts/cases.py LOGDIR    # the directory that holds the run `plain`
"""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.example_pictures import take_pictures  # noqa: E402
from tensorboard_activis import open_run  # noqa: E402 - the checkout, not an installed version

LAYER, SUSPECT = "norm3/relu", 1662


def main() -> None:
    (directory,) = sys.argv[1:]
    row = open_run(Path(directory) / "plain").latest.index_of(SUSPECT)
    states: dict[str, dict[str, Any]] = {
        "findings": {"layers": [LAYER], "findings": [None, None]},
        "suspect": {"layers": [LAYER], "selection": {"kind": "instance", "row": row}},
    }
    take_pictures(Path(directory), "plain", states, "case-digits")


if __name__ == "__main__":
    main()
