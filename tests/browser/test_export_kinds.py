"""Exports of runs of every kind: whatever is answered in the page is what the routes answer, and the rest is refused."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tensorboard_activis import cli
from tests.export.kinds import KINDS
from tests.serve.client import Client, decoded

#: Asks the page's own source of data all questions, and gives typed arrays as lists; a refused question gives its words.
ASK = """(questions) => Promise.all(questions.map(async ([method, ...given]) => {
  const plain = (value) =>
    ArrayBuffer.isView(value) ? Array.from(value, (one) => (Number.isNaN(one) ? null : one))
    : Array.isArray(value) ? value.map(plain)
    : value instanceof Blob ? value.text()
    : value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
    : value;
  const signal = new AbortController().signal;
  try { return { answer: await plain(await activisSource[method](...given.map((one) => (one === "signal" ? signal : one)))) }; }
  catch (error) { return { refused: error.message }; }
}))"""
#: One of each task that has columns of its own, and those whose steps differ, in every run of the tests; the others at night.
SOON = ("multilabel", "tokens", "thinned", "others", "columns", "names")


@pytest.fixture(
    scope="module", params=[name if name in SOON else pytest.param(name, marks=pytest.mark.nightly) for name in KINDS]
)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def logs(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    logs = tmp_path_factory.mktemp(kind)
    KINDS[kind](logs / "run")
    return logs


@pytest.fixture(scope="module")
def opened(logs: Path, browser: Browser) -> Iterator[Page]:
    """The export of all steps, from the disk."""
    steps = [str(step["step"]) for step in Client(logs).json("runs")["runs"][0]["steps"]]
    assert cli.main(["export", str(logs / "run"), str(logs / "out"), "--step", *steps]) == 0
    page = browser.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto((logs / "out" / "index.html").as_uri())
    expect(page.locator(".graph-node").first).to_be_visible()
    expect(page.get_by_role("slider", name="Training step").or_(page.get_by_role("grid")).first).to_be_visible()
    yield page
    page.close()
    assert said == []


class Answers:
    """Compares what the page says with what the routes say."""

    def __init__(self, page: Page, client: Client, step: int) -> None:
        self._page, self._client = page, client
        self.at = {"run": "run", "step": step}
        self._asked: list[tuple[list[Any], str, dict[str, Any], Callable[[Any], Any]]] = []

    def ask(
        self, method: str, *given: Any, route: str, pick: Callable[[Any], Any] = lambda one: one, **more: Any
    ) -> None:
        """Adds a question of a method and its route, of whose answers `pick` gives what is compared."""
        self._asked.append(([method, self.at, *given], route, self.at | more, pick))

    def check(self) -> int:
        """Compares all; returns how many were answered in the page."""
        found = self._page.evaluate(ASK, [question for question, *_ in self._asked])
        answered = 0
        for one, (question, route, parameters, pick) in zip(found, self._asked, strict=True):
            if "refused" in one:
                continue
            answered += 1
            response = self._client.post(route, **parameters)
            assert response.status_code == 200, (question, one["answer"], response.get_data(as_text=True))
            same(pick(one["answer"]), pick(_read(response)), repr(question)[:300])
        return answered


def _read(response: Any) -> Any:
    if response.content_type == "application/json":
        return json.loads(response.get_data())
    if response.content_type != "application/octet-stream":
        return response.get_data(as_text=True)
    arrays, about = decoded(response)
    lists = {
        name: [None if value != value else value for value in array.ravel().tolist()] for name, array in arrays.items()
    }
    return about | lists | {"statistics": lists}


def same(found: Any, expected: Any, about: str) -> None:
    """Equal, numbers but for the last bits of 32."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), about
        for name, value in expected.items():
            same(found[name], value, f"{about} {name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), about
        for one, other in zip(found, expected, strict=True):
            same(one, other, about)
    elif isinstance(expected, float) and isinstance(found, (int, float)):
        assert math.isclose(found, expected, rel_tol=3e-5, abs_tol=3e-6), (about, found, expected)
    else:
        assert found == expected, about


def _only(*names: str) -> Callable[[Any], Any]:
    return lambda answer: {name: answer[name] for name in names}


def expressions(snapshot: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    """Comparisons of every column with its own values, and with what it cannot be compared with."""
    found = ["correct", "not correct", "id == id", "label == prediction", "score < 0.5 or not correct"]
    for column in snapshot["columns"]:
        name = f"col({json.dumps(column['name'], ensure_ascii=False)})"
        values = [row[column["name"]] for row in rows if row[column["name"]] is not None]
        found += [f"isnull({name})", f"not isnull({name})", name, f"{name} == label", f"{name} > 1", f'{name} == ""']
        for value in values[:: max(1, len(values) // 2)]:
            written = repr(value) if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)
            text = json.dumps(str(value)[:40], ensure_ascii=False)
            found += [f"{name} {sign} {written}" for sign in ("==", "!=", "<", ">=")]
            found += [f"not {name} == {written}", f"{name} in [{written}]", f"{name} == {text}", f"{text} in {name}"]
            found += [f"startswith({name}, {text})", f"{name} not in [{text}]"]
    for layer in snapshot["layers"]:
        neuron = f"neuron({json.dumps(layer['name'], ensure_ascii=False)}, 1)"
        found += [f"{neuron} > 0.1", f"isnull({neuron})"]
    return list(dict.fromkeys(found))


def test_answers_in_the_page_are_those_of_the_routes(opened: Page, logs: Path, kind: str) -> None:
    client = Client(logs)
    steps = [step["step"] for step in client.json("runs")["runs"][0]["steps"]]
    for step in steps:
        answers = Answers(opened, client, step)
        snapshot = client.json("snapshot", **answers.at)
        rows = client.json("table", **answers.at, limit=1000)["rows"]
        answers.ask("snapshot", "signal", route="snapshot")
        written = expressions(snapshot, rows) if step == steps[-1] else ["correct", "not correct"]
        for text in written:
            answers.ask("where", text, "signal", route="where", pick=_only("indices", "count"), expression=text)
        for query in _tables(snapshot):
            answers.ask("table", query, "signal", route="table", **query)
        answers.ask("csv", {}, None, route="export", pick=lambda text: text.replace(".0", ""))
        for query in _facets(snapshot, written):
            answers.ask("facets", query, "signal", route="facets", **query)
        if snapshot["content"] == "text":
            for index in range(0, len(rows), 7):
                answers.ask("text", index, "signal", route="content", index=index)
        for layer in snapshot["layers"]:
            _ask_of(answers, layer, snapshot, len(rows), [other for other in steps if other != step])
        assert answers.check() > 20, step
    assert opened.evaluate("activisExport.left_out") == []


def _tables(snapshot: dict[str, Any]) -> list[dict[str, Any]]:
    orders: list[dict[str, Any]] = [{"order": column["name"], "descending": True} for column in snapshot["columns"]]
    return [{"offset": 0, "limit": 1000} | order for order in ({}, {"order": "id"}, *orders)]


def _facets(snapshot: dict[str, Any], written: list[str]) -> list[dict[str, Any]]:
    every: list[dict[str, Any]] = [{}, {"expression": written[0]}]
    for column in snapshot["columns"]:
        every += [{"columns": [column["name"]], "expression": written[1]}, {"columns": [column["name"]], "search": "1"}]
    return every


def _ask_of(answers: Answers, layer: dict[str, Any], snapshot: dict[str, Any], kept: int, others: list[int]) -> None:
    """Questions about one layer."""
    name, declared = layer["name"], [{"subset": subset["name"]} for subset in snapshot["subsets"][:6]]
    rows: list[dict[str, Any]] = [*declared, {"instance": kept - 1}, {"expression": "correct"}]
    for some in (declared, rows):
        for statistic in ("mean", "active"):
            for sort in ({"by": "row", "a": 0}, {"by": "strongest"}, {"by": "effect", "a": 0}):
                asked = {"layer": name, "rows": some, "sort": sort, "statistics": [statistic]}

                def cells(answer: Any, statistic: str = statistic) -> Any:
                    return {"n": answer["n"], "order": answer["order"], "cells": answer["statistics"][statistic]}

                answers.ask("matrix", name, some, sort, statistic, "signal", route="matrix", pick=cells, **asked)
        part = {"statistic": "mean", "neuron": 1, "most": 300}
        pick = _only("n", "values")
        answers.ask("history", name, some, part, "signal", route="history", pick=pick, layer=name, rows=some, **part)
    for place in (0, layer["neurons"] - 1):
        answers.ask("activation", name, place, "signal", route="activation", pick=_values, layer=name, neuron=place)
        asked = {"layer": name, "neuron": place, "rows": rows}
        answers.ask("neuron", name, place, rows, "signal", route="neuron", **asked)
    for index in (0, kept - 1):
        answers.ask("instance", name, index, "signal", route="instance", layer=name, index=index)
    for row in declared[:3]:
        answers.ask("subset", name, row, "signal", route="subset", layer=name, row=row)
    for other in others:
        at = {"run": "run", "step": other}
        answers.ask("neuronPairs", at, name, "signal", route="neuron_pairs", other=at, layer=name)
        answers.ask("movement", at, "signal", route="movement", other=at)


def _values(answer: Any) -> Any:
    return answer["value"] if isinstance(answer, dict) else answer


def test_pictures_are_those_of_the_routes(opened: Page, logs: Path) -> None:
    contents = opened.evaluate("activisExport.contents")
    client = Client(logs)
    for step, names in contents.items():
        for index, name in enumerate(names[:20]):
            expected = client.get("content", run="run", step=step, index=index)
            assert (logs / "out" / name).read_bytes() == expected.get_data()
    is_image = (
        client.json("snapshot", run="run", step=client.json("runs")["runs"][0]["steps"][0]["step"])["content"]
        == "image"
    )
    assert bool(contents) == is_image
