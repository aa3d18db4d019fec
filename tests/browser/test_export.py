"""An export in a browser, opened from the disk and from a plain file server: the tab, its answers, and no request elsewhere."""

import functools
import http.server
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from safetensors.numpy import load

from tensorboard_activis import cli
from tests.board import serving
from tests.records import small_data, write_run
from tests.serve.client import Client

INSTANCES, PINNED = 60, 2
DATA = small_data(INSTANCES)
COLUMNS: dict[str, list[Any]] = {
    "site": [f"s{i % 3}" for i in range(INSTANCES)],
    "size": [None if i % 7 == 0 else i / 8 for i in range(INSTANCES)],
}
AT: dict[str, Any] = {"run": "run1", "step": 6}


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    logdir = tmp_path_factory.mktemp("logs")
    write_run(logdir / "run1", DATA, (5, 6), columns=COLUMNS, sample=50, subsets={"unsure": "score < 0.6"})
    return logdir


@pytest.fixture(scope="module")
def folder(logdir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports") / "an export"
    assert cli.main(["export", str(logdir), str(folder), "--step", "5", "6"]) == 0
    return folder


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[str]:
    """The address of a plain file server with the folder."""
    server = http.server.ThreadingHTTPServer(("localhost", 0), functools.partial(_Files, directory=str(folder)))
    with serving(server) as address:
        yield address


@pytest.fixture(params=["disk", "server"])
def address(request: pytest.FixtureRequest, folder: Path, served: str) -> str:
    return f"{folder.as_uri()}/index.html" if request.param == "disk" else f"{served}index.html"


def test_the_views_are_drawn_and_nothing_is_asked_for_elsewhere(
    address: str, page: Page, complaints: list[str]
) -> None:
    """Whatever the page complains about is in `complaints`: failed files, violations of its policy, errors."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(address)
    expect(page.get_by_role("grid").first).to_be_visible()
    expect(page.locator(".graph-node").first).to_be_visible()
    expect(page.locator(".layer-projection canvas").first).to_be_visible()
    expect(page.get_by_text("17 of 17").or_(page.get_by_text(f"{INSTANCES - 10}")).first).to_be_visible()
    steps = page.get_by_role("slider", name="Training step")
    last = str(steps.get_attribute("aria-valuetext"))
    steps.press("ArrowLeft")
    expect(steps).not_to_have_attribute("aria-valuetext", last)
    page.wait_for_url(lambda url: "step" in url)
    page.reload()
    expect(page.get_by_role("slider", name="Training step")).not_to_have_attribute("aria-valuetext", last)
    base = address.removesuffix("index.html")
    assert [url for url in asked if not url.startswith((base, "data:", "blob:"))] == []
    assert any(url.startswith(f"{base}content/") for url in asked)
    assert complaints == []


def test_what_is_not_in_it_says_so_calmly(address: str, page: Page) -> None:
    page.goto(address)
    page.get_by_role("radio", name="t-SNE").first.click()
    said = page.get_by_text("It is not in this export.").first
    expect(said).to_be_visible()
    expect(said).to_contain_text("tensorboard-activis serve LOGDIR")
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    expect(page.get_by_role("grid").first).to_be_visible()


def test_a_typed_expression_is_answered_in_the_browser(address: str, page: Page, logdir: Path) -> None:
    page.goto(address)
    expect(page.get_by_role("grid").first).to_be_visible()
    box = page.get_by_role("combobox").or_(page.get_by_role("textbox")).first
    box.fill('site == "s1" and not correct')
    expected = load(Client(logdir).get("where", **AT, expression='site == "s1" and not correct').get_data())["indices"]
    expect(page.get_by_text(f"{len(expected)} of 50").first).to_be_visible()


#: Asks the page's own source of data, and gives typed arrays as lists.
ASK = """async ([method, ...given]) => {
  const signal = new AbortController().signal;
  const place = given.indexOf("signal");
  if (place >= 0) given[place] = signal;
  const plain = (value) =>
    ArrayBuffer.isView(value) ? Array.from(value, (one) => (Number.isNaN(one) ? null : one))
    : Array.isArray(value) ? value.map(plain)
    : value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
    : value;
  return plain(await activisSource[method](...given));
}"""
ROWS: list[dict[str, Any]] = [
    {"subset": "bee"},
    {"subset": "all"},
    {"instance": 3},
    {"expression": 'site in ["s0", "s2"] and score >= 0.5'},
    {"subset": "unsure"},
]


@pytest.fixture(scope="module")
def client(logdir: Path) -> Client:
    return Client(logdir)


@pytest.fixture(scope="module")
def opened(folder: Path, browser: Browser) -> Iterator[Page]:
    """One page for all questions."""
    page = browser.new_page()
    page.goto(f"{folder.as_uri()}/index.html")
    expect(page.get_by_role("grid").first).to_be_visible()
    yield page
    page.close()


@pytest.mark.parametrize("statistic", ["mean", "std", "max", "active", "median"])
def test_matrices_are_those_of_the_server(opened: Page, client: Client, statistic: str) -> None:
    for sort in (
        {"by": "index"},
        {"by": "row", "a": 3},
        {"by": "difference", "a": 0, "b": 3},
        {"by": "difference", "a": 2, "b": 1},
        {"by": "strongest"},
        {"by": "effect", "a": 0},
        {"by": "direction", "a": 0},
        {"by": "direction", "a": 3},
    ):
        question: dict[str, Any] = {"layer": "stem/relu", "rows": ROWS, "sort": sort}
        expected = load(client.get("matrix", **AT, **question, statistics=[statistic]).get_data())
        found = opened.evaluate(ASK, ["matrix", AT, "stem/relu", ROWS, sort, statistic, "signal"])
        assert found["order"] == expected["order"].tolist(), sort
        assert found["n"] == expected["n"].tolist()
        for name in {statistic, "mean", "std"}:
            values = np.array(found["statistics"][name], float).reshape(expected[name].shape)
            np.testing.assert_allclose(values, expected[name], rtol=2e-5, atol=2e-6, err_msg=name)
        if "effect" in expected:
            effect = np.array(found["effect"], float)
            np.testing.assert_allclose(effect, expected["effect"], rtol=2e-4, atol=1e-5)


EXPRESSIONS = [
    "correct",
    "not correct",
    'label == "bee"',
    'label != "bee" or score < 0.5',
    'label in ["ant", "cat"] and not (score < 0.6 or correct)',
    'site.isin(["s1"])',
    'not site in ["s1", "s2"]',
    'site not in ["s1"]',
    'contains(site, "1") or startswith(site, "s2")',
    '"s" in site and size > 3',
    "0.4 < score <= 0.8",
    "size >= 2.5",
    "not size < 4",
    "isnull(size)",
    "not isnull(size) and size != 1.125",
    'col("size") < 1e0',
    "size > -1",
    'neuron("stem/relu", 2) > 0.5',
    'not isnull(neuron("head", 1)) and neuron("head", 1) < 0',
    "correct == False",
    "id == 117",
    "id in [100, 101, 102]",
    "label == prediction",
]


def test_expressions_are_true_where_the_server_says_so(opened: Page, client: Client) -> None:
    for expression in EXPRESSIONS:
        answer = client.get("where", **AT, expression=expression)
        assert answer.status_code == 200, (expression, answer.get_data())
        found = opened.evaluate(ASK, ["where", AT, expression, "signal"])
        assert found["indices"] == load(answer.get_data())["indices"].tolist(), expression
        assert found["sample_size"] == 50


@pytest.mark.parametrize(
    "expression", ["len(site) > 1", 'matches(site, "s.")', "size + 1 > 2", "nothing == 3", "label ==", "site < 3"]
)
def test_what_the_browser_cannot_evaluate_it_does_not_guess(opened: Page, expression: str) -> None:
    said = opened.evaluate(
        "(e) => activisSource.where({run: 'run1', step: 6}, e, null)"
        ".then(() => 'answered', (error) => `${error.kind}: ${error.message}`)",
        expression,
    )
    assert said.startswith("bad_request: It is not in this export.")


def test_tables_histories_and_overlaps_are_those_of_the_server(opened: Page, client: Client) -> None:
    queries: list[dict[str, Any]] = [
        {"offset": 0, "limit": 20},
        {"order": "score", "descending": True, "offset": 5, "limit": 10},
        {"order": "size", "descending": False, "offset": 30, "limit": 100},
        {"expression": "not correct", "order": "label", "descending": True, "offset": 0, "limit": 50},
        {"indices": [7, 3, 5], "offset": 0, "limit": 2},
    ]
    for query in queries:
        expected = json.loads(client.get("table", **AT, **query).get_data())
        assert opened.evaluate(ASK, ["table", AT, query, "signal"]) == expected, query
    expected = json.loads(client.get("overlap", **AT, row=ROWS[3], rows=ROWS[:2]).get_data())
    assert opened.evaluate(ASK, ["overlap", AT, ROWS[3], ROWS[:2], "signal"]) == expected
    answer = client.get("history", **AT, layer="head", rows=ROWS, statistic="mean", neuron=1)
    part = {"statistic": "mean", "neuron": 1, "most": 300}
    found = opened.evaluate(ASK, ["history", AT, "head", ROWS, part, "signal"])
    np.testing.assert_allclose(found["values"], load(answer.get_data())["values"].ravel(), rtol=2e-5, atol=2e-6)
    assert found["n"] == load(answer.get_data())["n"].ravel().tolist()


def test_neurons_and_facets_are_those_of_the_server(opened: Page, client: Client) -> None:
    for neuron in range(5):
        expected = json.loads(client.get("neuron", **AT, layer="stem/relu", neuron=neuron, rows=ROWS).get_data())
        found = opened.evaluate(ASK, ["neuron", AT, "stem/relu", neuron, ROWS, "signal"])
        for ours, its in zip(found.pop("rows"), expected.pop("rows"), strict=True):
            assert (ours["counts"], ours["n"]) == (its["counts"], its["n"])
            assert [ours["mean"], ours["std"]] == pytest.approx([its["mean"], its["std"]], abs=1e-6)
        assert found == expected
    queries: list[dict[str, Any]] = [
        {},
        {"expression": "not correct"},
        {"expression": 'site == "s1"', "columns": ["size", "label"]},
    ]
    for query in queries:
        expected = json.loads(client.get("facets", **AT, **query).get_data())
        assert opened.evaluate(ASK, ["facets", AT, query, "signal"]) == expected, query


def test_the_table_as_csv_is_that_of_the_server(opened: Page, client: Client) -> None:
    expected = client.get("export", **AT, expression="not correct").get_data().decode()
    found = opened.evaluate(
        "async ([at, query]) => (await activisSource.csv(at, query, null)).text()", [AT, {"expression": "not correct"}]
    )
    # JavaScript writes 4.0 as 4.
    assert re.sub(r"\.0\b", "", found) == re.sub(r"\.0\b", "", expected)
    assert found.count("\r\n") > 5
