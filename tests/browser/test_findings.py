"""The list of findings: the strongest is said, one click shows it, hidden ones stay hidden, two runs are compared."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Locator, Page, Route, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.found import CLASSES, DIED, Planted, nothing, planted
from tests.browser.links import link
from tests.browser.reading import counted, elements, shown_texts
from tests.browser.test_accessibility import objections
from tests.browser.test_tour import layer, row
from tests.query.findings.logged import log

AT = link(run="planted")


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planted]:
    path = tmp_path_factory.mktemp("found")
    truth = planted(path / "planted")
    planted(path / "cured", share=0)
    nothing(path / "nothing")
    return path, truth


@pytest.fixture(scope="module", params=["true", "false"], ids=["load_fast", "load_slow"])
def either(request: pytest.FixtureRequest, logs: tuple[Path, Planted]) -> Iterator[str]:
    with tensorboard(f"--logdir={logs[0]}", f"--load_fast={request.param}") as address:
        yield address


@pytest.fixture(scope="module")
def one(logs: tuple[Path, Planted]) -> Iterator[str]:
    with tensorboard(f"--logdir={logs[0]}") as address:
        yield address


@pytest.fixture
def truth(logs: tuple[Path, Planted]) -> Planted:
    return logs[1]


def headline(tab: FrameLocator) -> Locator:
    return tab.locator(".headline")


def findings(tab: FrameLocator) -> Locator:
    return tab.get_by_role("grid", name="Findings")


def line(tab: FrameLocator, words: str) -> Locator:
    return findings(tab).locator("[data-key]").filter(has_text=words)


def evidence(tab: FrameLocator) -> Locator:
    return tab.get_by_role("region", name="Evidence")


def opened(tab: FrameLocator) -> None:
    tab.get_by_role("button", name="All findings").click()
    expect(findings(tab)).to_be_visible()


def test_the_strongest_is_said_and_one_click_shows_it(
    either: str, open_tab: OpenTab, page: Page, truth: Planted
) -> None:
    k, n = int((truth.inside & truth.wrong).sum()), int(truth.inside.sum())
    tab = open_tab(either, AT)
    expect(headline(tab)).to_have_text(
        f"site = D fails: {k} of {n} wrong ({100 * k / n:.0f} %), {100 * truth.expected / n:.1f} % expected from its "
        "classes elsewhere; since step 20."
    )
    headline(tab).get_by_role("button", name=f"{k} of {n}").click()

    # The row and the rest, which are A and B; the instances in the list; the finding in the drawer's place.
    panel = layer(tab, "head")
    expect(row(panel, "site = D")).to_contain_text(str(n))
    expect(row(panel, "not site = D")).to_contain_text(str(len(truth.inside) - n))
    expect(tab.get_by_role("button", name="Sort neurons by: effect size site = D − not site = D")).to_be_visible()
    expect(tab.get_by_role("region", name="Instances", exact=True)).to_contain_text(f"site = D {n}")
    expect(line(tab, "site = D fails")).to_have_attribute("aria-selected", "true")
    expect(panel.get_by_role("button", name=re.compile("correctness"))).to_be_visible()
    cells = line(tab, "site = D fails").get_by_role("gridcell")
    expect(cells.nth(0)).to_have_text("failing slice")
    share = (k - truth.expected) / truth.wrong.sum()
    expect(cells.nth(2)).to_have_text(f"{100 * share:.0f}% of errors")
    expect(cells.nth(3)).to_have_text(".005")
    expect(cells.nth(4)).to_have_text("20")

    # What it rests on: over the steps, and per class.
    chart = evidence(tab).get_by_role("img", name=re.compile("From step 10 to step 40"))
    expect(chart).to_have_attribute(
        "aria-label", re.compile(f"{k} wrong at last; .* {truth.expected:.1f} expected at last")
    )
    expect(evidence(tab)).to_contain_text(f"n {n}, {100 * n / len(truth.inside):.0f}% of {len(truth.inside)}")
    counts = {}
    for entry in elements(evidence(tab).get_by_role("list", name="By class").get_by_role("listitem"), CLASSES):
        name, wrong, of = re.match(r"(c\d)\s*(\d+)/(\d+)", entry.inner_text().replace("\n", " ")).groups()  # type: ignore[union-attr]
        counts[name] = (int(wrong), int(of))
    assert counts == {
        f"c{c}": (int((mine & truth.wrong).sum()), int(mine.sum()))
        for c in range(CLASSES)
        for mine in [truth.inside & (truth.labels == c)]
    }

    # One change of the state: Back undoes it, and the link keeps it.
    address = page.url
    page.go_back()
    expect(findings(tab)).to_have_count(0)
    expect(row(panel, "site = D")).to_have_count(0)
    page.goto("about:blank")
    page.goto(address)
    expect(row(panel, "site = D")).to_contain_text(str(n))
    expect(line(tab, "site = D fails")).to_have_attribute("aria-selected", "true")
    expect(tab.get_by_role("region", name="Instances", exact=True)).to_contain_text(f"site = D {n}")


def test_what_died_opens_its_layer_at_its_step(one: str, open_tab: OpenTab) -> None:
    tab = open_tab(one, AT + link(layers=["head"]))
    opened(tab)
    died = line(tab, "2 neurons of stem/relu died at step 30")
    expect(died.get_by_role("gridcell").nth(2)).to_have_text("2 of 8")
    expect(died.get_by_role("gridcell").nth(3)).to_have_text("exact")
    died.click()
    expect(layer(tab, "stem/relu")).to_be_visible()
    expect(tab.get_by_text(re.compile("30 of 40"))).to_be_visible()
    # The list is still that of the last step, to which there is a way back.
    expect(tab.get_by_role("button", name="back to step 40")).to_be_visible()
    expect(died).to_have_attribute("aria-selected", "true")
    chart = evidence(tab).get_by_role("img", name=re.compile("From step 10"))
    expect(chart).to_have_attribute("aria-label", re.compile("0 dead at first, 2 dead at last"))
    for neuron in DIED:
        expect(evidence(tab).get_by_role("button", name=f"n{neuron}", exact=True)).to_be_visible()
    tab.get_by_role("button", name="back to step 40").click()
    expect(tab.get_by_text(re.compile("40 of 40"))).to_be_visible()
    # A neuron is looked at in the drawer, which takes its place back.
    evidence(tab).get_by_role("button", name=f"n{DIED[1]}", exact=True).click()
    expect(tab.get_by_role("heading", name=f"Neuron {DIED[1]}", exact=True)).to_be_visible()
    expect(findings(tab)).to_have_count(0)


def test_what_is_hidden_stays_hidden_in_a_link(one: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(one, AT)
    opened(tab)
    all_of_them = counted(findings(tab).locator("[data-key]"))
    tab.get_by_role("button", name="Hide: site = D fails").click()
    expect(findings(tab).locator("[data-key]")).to_have_count(all_of_them - 1)
    expect(headline(tab)).not_to_contain_text("site = D fails")
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(findings(tab).locator("[data-key]")).to_have_count(all_of_them - 1)
    expect(headline(tab)).not_to_contain_text("site = D fails")
    tab.get_by_role("button", name="show 1 hidden").click()
    tab.get_by_role("button", name="List again: site = D fails").click()
    expect(headline(tab)).to_contain_text("site = D fails")
    expect(tab.get_by_role("button", name=re.compile("hidden$"))).to_have_count(0)


def test_comparing_two_runs_lists_what_is_new_and_what_is_gone(one: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(one, AT + link(compare=["cured", None], findings=[None, None]))
    names = findings(tab).locator(".finding-side, [data-key]")
    expect(tab.get_by_text("Only in cured 1")).to_be_visible()
    expect(names.filter(has_text="Only in planted")).to_have_count(1)
    lines = [" ".join(text.split()) for text in shown_texts(names)]
    new, gone = (
        lines.index("Only in cured 1"),
        next(i for i, text in enumerate(lines) if text.startswith("Only in planted")),
    )
    assert "1 neuron of head dead from the start" in lines[new + 1]
    assert gone == new + 2
    rest = " ".join(lines[gone:])
    assert "site = D fails" in rest
    assert "2 neurons of stem/relu died at step 30" in rest
    # One of the other run is looked at without leaving this one.
    line(tab, "1 neuron of head").click()
    expect(tab.get_by_role("button", name="Run: planted")).to_be_visible()
    expect(layer(tab, "head").get_by_role("grid")).to_be_in_viewport()
    assert "p.activis.step" not in page.url
    expect(headline(tab)).to_contain_text("In cured: 1 neuron of head dead from the start")


def test_keys_and_axe(one: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(one, AT)
    button = tab.get_by_role("button", name="All findings")
    button.focus()
    button.press("Enter")
    first, second = (findings(tab).locator("[data-key]").nth(i) for i in range(2))
    expect(first).to_be_visible()
    assert objections(page) == []
    first.focus()
    first.press("ArrowDown")
    expect(second).to_be_focused()
    expect(second).to_have_attribute("aria-selected", "true")
    # Only what it rests on: no row is made yet.
    expect(row(layer(tab, "head"), "not site = D")).to_have_count(0)
    second.press("Home")
    expect(first).to_be_focused()
    first.press("Enter")
    expect(row(layer(tab, "head"), "not site = D")).to_be_visible()
    expect(evidence(tab).get_by_role("button", name="Added")).to_be_disabled()
    first.press("Delete")
    expect(findings(tab).locator("[data-key]").filter(has_text="site = D fails")).to_have_count(0)
    findings(tab).locator("[data-key]").first.press("Escape")
    expect(findings(tab)).to_have_count(0)
    expect(button).to_have_attribute("aria-expanded", "false")


def test_nothing_found_and_a_damaged_file_are_said(
    tmp_path: Path, open_tab: OpenTab, page: Page, complaints: list[str]
) -> None:
    nothing(tmp_path / "nothing")
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 300)
    log(tmp_path / "damaged", {1: {"head": random.normal(size=(300, 600))}}, labels=labels, sample=None)
    for file in (tmp_path / "damaged").glob("**/*.safetensors"):
        file.write_bytes(file.read_bytes()[:-1000])
    with tensorboard(f"--logdir={tmp_path}") as address:
        tab = open_tab(address, link(run="nothing"))
        tab.get_by_role("button", name="All findings").click()
        expect(tab.get_by_text(re.compile("^Nothing was found"))).to_be_visible()
        expect(tab.get_by_text("no findings")).to_be_visible()
        page.goto("about:blank")
        tab = open_tab(address, link(run="damaged", findings=[None, None]))
        # Each kind that needs the file says so; the tab goes on.
        place = tab.get_by_role("region", name="Detail", exact=True)
        expect(place.get_by_text(re.compile(r"Nothing can be said about|could not be read")).first).to_be_visible()
        expect(tab.get_by_role("button", name="All findings")).to_be_visible()
    complaints.clear()


def test_a_long_search_shows_how_far_it_is_and_can_be_stopped(one: str, open_tab: OpenTab, page: Page) -> None:
    state = {"state": "not_started", "progress": 0.0}
    real: dict = {}
    kinds = {"failing-slice"}

    def answer(route: Route) -> None:
        asked = json.loads(route.request.post_data or "{}")
        if not real:
            real.update(route.fetch().json())
        if asked.get("action") == "start":
            state.update(state="running", progress=0.4)
        if asked.get("action") == "cancel":
            state.update(state="cancelled")
        known = [each for each in real["findings"] if each["kind"] in kinds]
        done = state["state"] == "done"
        route.fulfill(json=real if done else {"findings": known, "notes": []} | state)

    page.route(re.compile("/activis/findings"), answer)
    tab = open_tab(one, AT)
    # The first picture does not wait; what is known is said.
    expect(tab.get_by_text("looking for findings 40%")).to_be_visible()
    expect(headline(tab)).to_contain_text("site = D fails")
    every = tab.get_by_role("button", name="All findings")
    kept = every.element_handle()
    tab.get_by_role("button", name="Stop looking for findings").click()
    expect(tab.get_by_role("button", name="Look for findings")).to_be_visible()
    another = "it is another button now: the focus, and clicks, would go to that"
    assert kept.text_content() == "All findings", another
    every.click()
    expect(tab.get_by_text(re.compile("stopped before its end"))).to_be_visible()
    tab.get_by_role("button", name="Go on").click()
    expect(tab.get_by_text("looking for findings 40%")).to_be_visible()
    state.update(state="done")
    expect(line(tab, "2 neurons of stem/relu died")).to_be_visible()
    expect(tab.get_by_text(re.compile("looking for findings"))).to_have_count(0)
    # At another step it begins again, with several that are known.
    following = tab.get_by_role("button", name="Next finding").element_handle()
    kinds |= {finding["kind"] for finding in real["findings"]}
    state.update(state="not_started")
    tab.get_by_role("slider", name="Training step").press("ArrowLeft")
    expect(tab.get_by_text("looking for findings 40%")).to_be_visible()
    assert following.get_attribute("aria-label") == "Next finding", another


def test_saved_as_csv_and_json(one: str, open_tab: OpenTab, page: Page, tmp_path: Path, truth: Planted) -> None:
    tab = open_tab(one, AT)
    opened(tab)
    for option, kind in (("CSV", "csv"), ("JSON", "json"), ("PNG", "png")):
        tab.get_by_role("button", name="Save the findings").click()
        with page.expect_download() as saved:
            tab.get_by_role("option", name=option).click()
        assert saved.value.suggested_filename == f"findings-step-40.{kind}"
        saved.value.save_as(tmp_path / kind)
    with (tmp_path / "csv").open() as file:
        first = next(csv.DictReader(file))
    assert (first["kind"], first["subset"], first["since step"], first["p"]) == (
        "failing-slice",
        'site == "D"',
        "20",
        "0.005",
    )
    wrong = np.flatnonzero(truth.inside & truth.wrong)
    assert sorted(map(int, first["instances"].split())) == wrong.tolist()
    whole = json.loads((tmp_path / "json").read_text())
    assert (whole["run"], whole["step"]) == ("planted", 40)
    assert sorted(map(int, whole["findings"][0]["ids"])) == wrong.tolist()
    assert (tmp_path / "png").read_bytes().startswith(b"\x89PNG")
