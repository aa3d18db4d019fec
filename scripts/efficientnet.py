"""Takes the pictures of docs/efficientnet.md of a run of examples/efficientnet.py.

Usage: python scripts/efficientnet.py LOGDIR    # the directory that holds the run `photographs`
"""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.example_pictures import take_pictures  # noqa: E402

ROWS = [["s", name] for name in ("china", "flower", "sky")]


def _neuron(layer: str, neuron: int) -> dict[str, Any]:
    return {"layers": [layer], "rows": ROWS, "selection": {"kind": "neuron", "layer": layer, "neuron": neuron}}


def main() -> None:
    (directory,) = sys.argv[1:]
    states = {"flower": _neuron("_swish@1", 115), "sky": _neuron("_blocks.15", 305)}
    take_pictures(Path(directory), "photographs", states, "efficientnet")


if __name__ == "__main__":
    main()
