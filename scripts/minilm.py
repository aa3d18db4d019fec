"""Takes the pictures of docs/minilm.md of a run of examples/minilm.py.

Usage: python scripts/minilm.py LOGDIR    # the directory that holds the run `trec`
"""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.example_pictures import take_pictures  # noqa: E402
from tensorboard_activis import open_run  # noqa: E402 - the checkout, not an installed version

RUN = "trec"
CLASSES = [["s", name] for name in ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")]
NEURON = "bert.encoder.layer.3.intermediate.intermediate_act_fn"
HEADS = "bert.encoder.layer.0.attention.self/heads"
BLOCK = "bert.encoder.layer.4"


def states(first_pinned: int) -> dict[str, dict[str, Any]]:
    """What each picture shows."""
    return {
        "neuron": {
            "layers": [NEURON],
            "rows": CLASSES,
            "selection": {"kind": "neuron", "layer": NEURON, "neuron": 975},
        },
        "head": {
            "layers": [HEADS],
            "rows": [["i", first_pinned], *CLASSES],
            "selection": {"kind": "neuron", "layer": HEADS, "neuron": 2},
        },
        "depth": {
            "layers": [BLOCK],
            "rows": [["i", first_pinned + 1], *CLASSES],
            "selection": {"kind": "instance", "row": first_pinned + 1},
        },
    }


def main() -> None:
    (directory,) = sys.argv[1:]
    pinned = open_run(Path(directory) / RUN).latest.record.sample_size
    take_pictures(Path(directory), RUN, states(pinned), "minilm")


if __name__ == "__main__":
    main()
