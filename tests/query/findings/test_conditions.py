"""Conditions on columns: each is written in the expression language, and true for the instances that it says."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from tensorboard_activis.expression.predicate import compile_expression
from tensorboard_activis.query.findings import conditions as module
from tensorboard_activis.query.findings.conditions import LEAST_INSTANCES, conditions
from tests.query.findings.logged import log

N = 300


def odd_columns() -> dict[str, list]:
    random = np.random.default_rng(3)
    sites = ['D "quoted"', "a\\b", "line\nbreak", "ünï", ""]
    start = datetime(2024, 5, 1, tzinfo=UTC)
    return {
        "site": [sites[index] for index in random.integers(0, 5, N)],
        "two words": [
            None if gone else "xy"[index]
            for gone, index in zip(random.random(N) < 0.2, random.integers(0, 2, N), strict=True)
        ],
        "class": random.integers(0, 3, N).tolist(),
        "size": random.normal(size=N).astype(np.float32).round(1).tolist(),
        "share": [None if index % 5 == 0 else float(index) / 7 for index in range(N)],
        "large": (random.integers(0, 1000, N) + 2**60).tolist(),
        "flag": (random.random(N) < 0.3).tolist(),
        "taken": [start + timedelta(seconds=int(second)) for second in random.integers(0, 10**6, N)],
        "constant": ["always"] * N,
        "own": [f"instance-{index}" for index in range(N)],
        "nothing": [float("nan")] * N,
    }


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """Of a logged run, with lists, such as the labels of an instance that has several."""
    random = np.random.default_rng(0)
    words = ["Who", "is", "who", "whom", "über", "Größe", "100", "a-b", "naïve"]
    texts = [" ".join(random.choice(words, 4)) + "?" for _ in range(N)]
    labels = random.integers(0, 3, N)
    values = {1: {"head": random.normal(size=(N, 3))}}
    run = log(tmp_path_factory.mktemp("odd"), values, labels=labels, columns=odd_columns(), texts=texts, sample=None)
    tags = [["red", "Größe"][: index % 3] for index in range(N)]
    return run.latest.instances.append_column("tags", pa.array(tags))


def test_every_condition_is_true_for_what_its_expression_says(table: pa.Table) -> None:
    made = conditions(table, np.ones(N, bool))
    assert {one.column for one in made.conditions} == {"label", "text", "tags", *odd_columns()} - {
        "constant",
        "own",
        "nothing",
    }
    types = dict(zip(table.schema.names, table.schema.types, strict=True))
    for condition, members in zip(made.conditions, made.members, strict=True):
        mask = compile_expression(condition.expression, types).mask(table)
        assert np.array_equal(mask, members), condition.expression
        assert LEAST_INSTANCES <= members.sum() < N
    assert made.note == ""


def test_outcomes_are_no_conditions(table: pa.Table) -> None:
    columns = {one.column for one in conditions(table, np.ones(N, bool)).conditions}
    assert not columns & {"id", "prediction", "correct", "score", "loss", "label_score"}


def test_words_and_deciles(table: pa.Table) -> None:
    shown = {one.shown for one in conditions(table, np.ones(N, bool)).conditions}
    words = {one.removesuffix(" in text").strip('"') for one in shown if one.endswith('" in text')}
    assert words == {"is", "whom", "über", "größe", "100", "a", "b", "naïve"} | ({"who"} & words)
    assert {
        "class = 0",
        "class = 1",
        "class = 2",
        "class ≤ 0",
        "class > 1",
        "flag",
        "not flag",
        "share is missing",
    } <= shown
    assert len([one for one in shown if one.startswith("large ≤")]) == 9
    values = np.array(odd_columns()["large"])
    bounds = sorted(int(one.split()[-1]) for one in shown if one.startswith("large >"))
    shares = [(values <= bound).mean() for bound in bounds]
    assert shares == pytest.approx(np.arange(1, 10) / 10, abs=0.02)


def test_too_many_columns_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CONDITIONS", 50)
    random = np.random.default_rng(0)
    table = pa.table({f"c{index}": random.normal(size=100) for index in range(1000)})
    made = conditions(table, np.ones(100, bool))
    assert len(made.conditions) == 50
    assert made.note == "50 conditions on 50 columns were looked at; 950 columns were left out."


def test_nothing_known() -> None:
    table = pa.table({"a": [1.0] * 30})
    assert conditions(table, np.zeros(30, bool)).conditions == ()
