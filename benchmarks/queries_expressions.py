"""Expressions over 1,000,000 instances with a text each. Peer: pandas on the same table.

Usage: python benchmarks/queries_expressions.py
"""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._synthetic import runs
from benchmarks._timing import line, seconds
from tensorboard_activis.read.run import open_run

INSTANCES = 1_000_000
LIMIT = 150
EXPRESSIONS = (
    '"who" in text',
    'contains(text, "river") and score < 0.5',
    'matches(text, "^who .*(city|river)")',
    'startswith(text, "who") or endswith(text, "city")',
    '"WHO" in lower(text)',
    "len(text) > 40",
    'label == "class 3" and not correct',
    "prediction != label",
    "0.2 < score <= 0.4 and loss * 2 > 1",
    "sampled(0.1)",
)


def main() -> None:
    with runs(INSTANCES) as (directory,):
        snapshot = open_run(directory).latest
        table = snapshot.instances
        taken = seconds({text: partial(snapshot.where, text) for text in EXPRESSIONS})
        first = seconds({text: partial(snapshot.where, text, 16_384) for text in EXPRESSIONS})
        for text in EXPRESSIONS:
            line(text, taken[text], LIMIT)
        line("the slowest of them over the first 16,384", max(first.values()), 50)
        try:
            import pandas  # noqa: F401
        except ImportError:
            print('pandas is not installed: pip install -e ".[bench]"')
            return
        frame = table.select(["text"]).to_pandas()
        times = seconds({"pandas": lambda: frame["text"].str.contains("who", regex=False)}, repeats=2)
        line('pandas: text.str.contains("who")', times["pandas"])


if __name__ == "__main__":
    main()
