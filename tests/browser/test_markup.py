"""Whatever texts a run brings, they are texts in every view: nothing of them is drawn, run, fetched or followed."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Locator, Page, Request, expect

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.test_states import grid

#: Each marks the page if it is taken for more than a text: by `hurt` on a window, an element of this id, or a request to "evil".
PAYLOADS = (
    "<script>top.hurt=1</script>",
    '<img src="//evil/a.png" onerror="top.hurt=1">',
    "<svg/onload=top.hurt=1><animate onbegin=top.hurt=1 />",
    "javascript:top.hurt=1//",
    "{{top.hurt=1}}${top.hurt=1}<template><b id=hurt>",
    "&lt;b id=hurt&gt;&#60;img src=//evil/b onerror=top.hurt=1&#62;",
    "\"' onmouseover='top.hurt=1' style='background:url(//evil/c)' x=`--></title></style></textarea><b id=hurt>",
    "\u202e\u2066gnp.exe<b id=hurt>",
    "nul\0<b id=hurt>",
)
FIRST = PAYLOADS[1]
RUN = "<img src=x onerror=top.hurt=1>"  # a directory's name has no slash
RECORDED = 3
#: Elements that only a payload makes.
HOSTILE = (
    "#hurt, [onerror], [onload], [onbegin], [onmouseover], [href^='javascript'], [src*='evil'], [src='x'], template"
)


def write_marked(log_dir: Path) -> None:
    """A run in which every name, text, value and note is a payload."""
    random = np.random.default_rng(0)
    classes = len(PAYLOADS)
    labels = np.repeat(np.arange(classes), 3)
    row = schema.Shape((-1, classes), FIRST)
    nodes = [schema.Node("", None, "module", FIRST, FIRST, (row,))]
    nodes += [
        schema.Node(name, "", "module", name, name, (row,), attributes={FIRST: name, name: FIRST}) for name in PAYLOADS
    ]
    ends = (
        schema.Node("/input", "", "input", FIRST, FIRST, (row,)),
        schema.Node("/output", "", "output", FIRST, FIRST),
    )
    chain = [ends[0].key, *PAYLOADS, ends[1].key]
    edges = tuple(schema.Edge(source, target, row) for source, target in itertools.pairwise(chain))
    graph = schema.Graph(FIRST, FIRST, (*nodes, *ends), edges)
    layers = [schema.LayerInfo(name, classes, FIRST, 0, row) for name in PAYLOADS[:RECORDED]]
    log = Recorder(log_dir, graph, layers, class_names=PAYLOADS, subsets={f"mine {FIRST}": "score > 0.1"}, strict=True)
    logits = random.normal(size=(len(labels), classes)).astype(np.float32)
    with log.guard(1), log.snapshot(1) as evaluation:
        evaluation.add(
            BatchRecord(
                {layer.name: logits for layer in layers},
                labels=labels,
                outputs=logits,
                texts=[PAYLOADS[label] for label in labels],
                ids=[f"{index} {PAYLOADS[label]}" for index, label in enumerate(labels)],
                columns={f"column {FIRST}": [PAYLOADS[label] for label in labels], PAYLOADS[0]: labels},
            )
        )
    log.close()


@pytest.fixture
def requested(page: Page) -> list[str]:
    """Addresses of all that the page asked for."""
    found: list[str] = []

    def on_request(request: Request) -> None:
        found.append(request.url)

    page.on("request", on_request)
    return found


def inert(tab: FrameLocator, page: Page, requested: list[str]) -> None:
    """Nothing of the payloads became more than a text."""
    body = tab.locator("body")
    marks = body.evaluate(
        """(body, hostile) => {
          const found = [...body.ownerDocument.querySelectorAll(hostile)].map(({ outerHTML }) => outerHTML.slice(0, 200));
          return found.concat([top.hurt, window.hurt].filter(Boolean).map(String));
        }""",
        HOSTILE,
    )
    assert marks == []
    assert [url for url in requested if "evil" in url.partition("#")[0].partition("?")[0]] == []
    assert len(page.context.pages) == 1


def first_cell(panel: Locator) -> None:
    """Puts the keyboard on the matrix, which shows the tooltip."""
    panel.focus()
    panel.press("Control+Home")
    panel.press("ArrowRight")


def test_markup_is_text_in_every_view(
    tmp_path: Path, open_tab: OpenTab, page: Page, requested: list[str], complaints: list[str]
) -> None:
    write_marked(tmp_path / RUN)
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        layer = PAYLOADS[RECORDED - 1]
        matrix = grid(tab, layer)
        expect(matrix).to_be_visible()
        expect(tab.get_by_role("button", name=f"Run: {RUN}")).to_be_visible()

        # Graph: names on nodes, details of one, what the search says.
        tree = tab.get_by_role("tree", name="Layers of the model")
        expect(tree.get_by_role("treeitem").filter(has_text="<script>").first).to_be_visible()
        tree.get_by_role("treeitem").filter(has_text="javascript:").first.hover()
        tree.get_by_role("treeitem").filter(has_text="javascript:").first.click()
        inert(tab, page, requested)

        # Rows bar, rows of the matrix and its tooltip, the projection's legend and labels.
        for name in PAYLOADS[:7]:
            expect(matrix.get_by_role("rowheader").filter(has_text=name[:12]).first).to_be_visible()
        matrix.get_by_role("rowheader").filter(has_text="<img").first.hover()
        first_cell(matrix)
        expect(tab.get_by_role("tooltip").first).to_be_visible()
        tab.get_by_role("button", name=re.compile("^mine <img")).click()
        inert(tab, page, requested)
        expect(tab.get_by_text("PC1").first).to_be_visible()

        # Classes, confusion, table.
        option = tab.get_by_role("region", name="Instances", exact=True).get_by_role("option").first
        option.hover()
        option.click()
        drawer = tab.get_by_role("region", name="Detail", exact=True)
        expect(drawer.get_by_role("heading").first).to_contain_text(re.compile("Instance", re.IGNORECASE))
        inert(tab, page, requested)
        tab.get_by_role("radio", name="Confusion").click()
        tab.get_by_role("application", name=re.compile("^Label by prediction")).hover()
        inert(tab, page, requested)
        tab.get_by_role("radio", name="Table").click()
        table = tab.get_by_role("grid", name="Instances")
        expect(table.get_by_role("gridcell").filter(has_text="<script>top.hurt=1</script>").first).to_be_visible()
        inert(tab, page, requested)

        # Detail of a neuron and of a subset.
        first_cell(matrix)
        matrix.press("Enter")
        expect(drawer.get_by_role("heading", name=re.compile("Neuron|Output for"))).to_be_visible()
        inert(tab, page, requested)
        tab.locator(".chip").filter(has_text="mine <img").get_by_role("button").first.click()
        expect(drawer.get_by_role("heading").first).to_contain_text("mine <img")
        inert(tab, page, requested)

        # What is typed, completed and refused, and what the server says of it.
        box = tab.get_by_role("combobox", name="Subset expression")
        box.fill("label == ")
        box.press("ArrowDown")
        inert(tab, page, requested)
        box.fill(f"'{FIRST}' + 1")
        box.press("Enter")
        expect(tab.get_by_role("alert").first).to_be_visible()
        box.fill(f"colour == '{FIRST}'")
        expect(tab.get_by_role("alert").filter(has_text="colour").first).to_be_visible()
        inert(tab, page, requested)
        box.fill(f'label == "{PAYLOADS[0]}"')
        expect(tab.get_by_text("3 of 27").first).to_be_visible()
        tab.get_by_role("button", name="Add as row").click()
        inert(tab, page, requested)
        complaints[:] = [one for one in complaints if "expression=" not in one and "/where" not in one]


def test_a_link_with_markup_is_text(
    tmp_path: Path, open_tab: OpenTab, page: Page, requested: list[str], complaints: list[str]
) -> None:
    """Addresses are written by strangers, too; so are names of files, which messages about damage quote."""
    write_marked(tmp_path / "run")
    (tmp_path / "run" / "activis" / "events.out.tfevents.9.<img src=x onerror=top.hurt=1>").write_bytes(b"x" * 40)
    image = "%3Cimg%20src=x%20onerror=top.hurt=1%3E"
    link = (
        f"&p.activis.run={image}&p.activis.step=1&p.activis.layers=%5B%22{image}%22%5D&p.activis.rows=%5B%5B%22s%22,%22{image}%22%5D%5D"
        f"&p.activis.compare=%5B%22{image}%22,null%5D&p.activis.expression={image}&p.activis.colour={image}&p.activis.view={image}"
    )
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board, link)
        notices = tab.locator(".notices")
        expect(notices).to_contain_text("<img src=x onerror=top.hurt=1>")
        expect(notices).to_contain_text("is damaged")
        inert(tab, page, requested)
    complaints.clear()  # the expression in the link is none


def test_a_violation_of_the_policy_would_be_seen(board: str, open_tab: OpenTab, complaints: list[str]) -> None:
    tab = open_tab(board)
    expect(tab.get_by_role("slider", name="Training step")).to_be_visible()
    assert complaints == []
    tab.locator("body").evaluate(
        "body => body.append(Object.assign(document.createElement('script'), { textContent: 'top.hurt = 1' }))"
    )
    tab.locator("body").evaluate("() => new Promise(requestAnimationFrame)")
    assert any("activis: Content Security Policy: script-src" in one for one in complaints)
    complaints.clear()
