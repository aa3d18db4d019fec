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
        "code": [None if index % 9 == 0 else index % 4 for index in range(N)],
        "dose": random.choice(np.array([0.1, 0.25, -1e-7, 3e20], np.float32), N).tolist(),
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
    assert words == {"is", "whom", "über", "größe", "100", "a", "b", "naïve", "-", "a-b"} | ({"who"} & words)
    assert {
        "class = 0",
        "class = 1",
        "class = 2",
        "class ≤ 0",
        "class > 1",
        "flag",
        "not flag",
        "share is missing",
        *(f"code = {value}" for value in range(4)),
        *("dose = 0.1", "dose = 0.25", "dose = -1e-07", "dose = 3e+20"),
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


def test_columns_without_conditions_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CONDITIONS", 50)
    constant = {f"constant{index}": np.zeros(100) for index in range(100)}
    table = pa.table(constant | {f"c{index}": np.random.default_rng(index).normal(size=100) for index in range(10)})
    made = conditions(table, np.ones(100, bool))
    assert {one.column for one in made.conditions} == {f"c{index}" for index in range(10)}
    assert made.note == "50 conditions on 10 columns were looked at; 10 columns have more."
    assert conditions(table.slice(0, 100).select(["c0", "constant0"]), np.ones(100, bool)).note == ""


#: In each a part of texts, which stands within one in ten of them, and how it is shown.
PARTS = {
    "C++": "c++",
    "don't": "don't",
    "#sale": "#sale",
    "??": "??",
    "😀": "😀",
    "%": "%",
    "http://x.org/a?b=1": "http://x.org/a?b=1",
    "हिन्दी": "हिन्दी",
    "Straße": "straße",
    "İstanbul": "istanbul",
    "cafe\u0301": "cafe\u0301",
    "한국어": "한국어",
    "NASA_2": "nasa_2",
}


@pytest.mark.parametrize("part", PARTS)
def test_signs_and_words_of_all_scripts(part: str) -> None:
    inside = np.arange(N) % 10 == 3
    texts = [f"Is it {part} or that{index}" if holds else f"is it that{index}" for index, holds in enumerate(inside)]
    table = pa.table({"text": texts})
    made = conditions(table, np.ones(N, bool))
    (place,) = [place for place, one in enumerate(made.conditions) if one.shown == f'"{PARTS[part]}" in text']
    assert np.array_equal(made.members[place], inside)
    for condition, members in zip(made.conditions, made.members, strict=True):
        mask = compile_expression(condition.expression, {"text": pa.string()}).mask(table)
        assert np.array_equal(mask, members), condition.expression


def test_texts_without_spaces_are_looked_at_by_pairs_of_letters() -> None:
    inside = np.arange(N) % 10 == 3
    letters = np.random.default_rng(0).choice(list("天地玄黄宇宙洪荒日月盈昃辰宿列张"), (N, 8))
    texts = [
        "".join(row[:4]) + ("中文" if holds else "") + "".join(row[4:])
        for row, holds in zip(letters, inside, strict=True)
    ]
    made = conditions(pa.table({"text": [*texts[:-1], None]}), np.ones(N, bool))
    shown = {one.shown: members for one, members in zip(made.conditions, made.members, strict=True)}
    assert np.array_equal(shown['"中文" in text'], inside)


def test_ids_of_single_words_give_no_words() -> None:
    table = pa.table(
        {
            "name": [f"instance-{index % 7}-{index}" for index in range(N)],
            "file": [f"a{index}.png" for index in range(N)],
        }
    )
    assert {one.column for one in conditions(table.select(["file"]), np.ones(N, bool)).conditions} == set()


def test_nothing_known() -> None:
    table = pa.table({"a": [1.0] * 30})
    assert conditions(table, np.zeros(30, bool)).conditions == ()
