"""What is read and what is clicked is large enough in every state, and nothing is overprinted when the page is enlarged."""

import re

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.browser.conftest import VISITED, OpenTab
from tests.browser.links import go, link
from tests.browser.reading import eventually, rectangle, there_is
from tests.browser.test_accessibility import comparing, confusion, editor, menu, neuron, pinned, subset, table
from tests.browser.test_tour import AT_FIRST, layer, settled

#: Texts with less than 12 px, as "size: text"; numbers of an axis may have 10.
SMALL = r"""() => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const number = /^[−-]?[\d.,]+(e[−-]?\d+)?%?$/;
  while (walker.nextNode()) {
    const {parentElement: own, textContent} = walker.currentNode, text = textContent.trim();
    if (!text || own.closest("script, style, .hidden-text") || !own.checkVisibility({visibilityProperty: true})) continue;
    const size = parseFloat(getComputedStyle(own).fontSize);
    if (size < 12 && !(size >= 10 && number.test(text))) found.push(`${size}: ${text.slice(0, 40)}`);
  }
  for (const canvas of document.querySelectorAll("canvas"))
    for (const [text, size] of canvas.sizes ?? [])
      if (size < 12 && !(size >= 10 && number.test(text))) found.push(`${size}: ${text.slice(0, 40)} (drawn)`);
  return found;
}"""
#: In every frame: each canvas keeps how large the words on it are.
SIZES = """
const { clearRect: clear, fillText: fill } = CanvasRenderingContext2D.prototype;
CanvasRenderingContext2D.prototype.clearRect = function (...box) { this.canvas.sizes = []; clear.apply(this, box); };
CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
  (this.canvas.sizes ??= []).push([text, parseFloat(/([\\d.]+)px/.exec(this.font)[1])]);
  fill.call(this, text, ...place);
};
"""
#: Controls of less than 24 x 24 px, as "w x h: element". What is drawn of the data has the size of the data: rows of a
#: matrix, nodes of the graph, lines of a chart. What acts around a control counts with it: its pseudo-elements, a cell.
TARGETS = """() => {
  const data = ".matrix-label, .graph-node, .detail-interval, .detail-class, .grid-cell, .menu-option";
  const controls = "a[href], button, input, select, textarea, [role=button], [role=option], [role=radio], [role=slider]";
  return [...document.querySelectorAll(controls)].flatMap(element => {
    if (element.matches(data) || !element.checkVisibility({visibilityProperty: true, opacityProperty: true})) return [];
    const own = element.type === "checkbox" ? element.closest("[role=gridcell], label") ?? element : element;
    const box = own.getBoundingClientRect(), around = getComputedStyle(own, "::after");
    const more = side => around.content === "none" ? 0 : Math.max(0, -parseFloat(around[side]) || 0);
    const [width, height] = [box.width + more("left") + more("right"), box.height + more("top") + more("bottom")];
    const seen = box.width > 1 && box.bottom > 0 && box.top < innerHeight && getComputedStyle(own).clipPath === "none";
    return seen && (width < 23.9 || height < 23.9) ? [`${width} x ${height}: ${element.outerHTML.slice(0, 120)}`] : [];
  });
}"""
#: Texts that lie on each other, as "this over that", as far as they are seen.
OVERPRINT = """() => {
  const clip = (box, element) => {
    let {left, top, right, bottom} = box;
    for (let up = element; up; up = up.parentElement) {
      if (getComputedStyle(up).overflow !== "visible") {
        const own = up.getBoundingClientRect();
        [left, top] = [Math.max(left, own.left), Math.max(top, own.top)];
        [right, bottom] = [Math.min(right, own.right), Math.min(bottom, own.bottom)];
      }
    }
    return {left, top, right, bottom};
  };
  const texts = [], range = document.createRange();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const {parentElement: own, textContent} = walker.currentNode;
    if (!textContent.trim() || own.closest("script, style, svg, .hidden-text, .tooltip, .menu, .skip")) continue;
    if (!own.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
    range.selectNodeContents(walker.currentNode);
    const box = clip(range.getBoundingClientRect(), own);
    if (box.right - box.left > 3 && box.bottom - box.top > 3) texts.push([textContent.trim().slice(0, 40), box]);
  }
  return texts.flatMap(([one, a], i) => texts.slice(i + 1).flatMap(([other, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4
      ? [`${one} over ${other}`] : []));
}"""


def asked(page: Page, question: str) -> list[str]:
    frame = next(frame for frame in page.frames if "name=activis" in frame.url)
    answer: list[str] = frame.evaluate(question)
    return answer


def help_sheet(tab: FrameLocator) -> None:
    tab.get_by_role("button", name="Help (?)").click()
    expect(tab.get_by_role("complementary", name="Help")).to_be_visible()


def letters(tab: FrameLocator) -> None:
    tab.locator(".matrix-row[data-row='s:5']").first.hover()
    expect(tab.locator(".matrix-pick").first).to_be_visible()


def closed(tab: FrameLocator) -> None:
    tab.locator(":focus").press("Escape")


#: One after the other: each leaves its traces to the next.
STATES = (
    settled,
    letters,
    neuron,
    subset,
    pinned,
    menu,
    closed,
    confusion,
    comparing,
    table,
    editor,
    closed,
    help_sheet,
)


def test_what_is_read_and_what_is_clicked_is_large_enough(board: str, open_tab: OpenTab, page: Page) -> None:
    page.add_init_script(SIZES)
    tab = open_tab(board, AT_FIRST)
    found = {}
    for state in STATES:
        state(tab)
        page.wait_for_timeout(300)
        found[state.__name__] = asked(page, SMALL), asked(page, TARGETS)
    assert found == {state.__name__: ([], []) for state in STATES}


def test_a_small_text_a_small_button_and_an_overprint_would_be_found(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    tab.locator(".app").evaluate(
        """app => app.insertAdjacentHTML("beforeend", `
        <p style="position: fixed; left: 300px; top: 300px; font-size: 11px">small</p>
        <p style="position: fixed; left: 304px; top: 302px">another text</p>
        <p style="position: fixed; left: 500px; top: 300px; font-size: 9px">12</p>
        <button style="position: fixed; left: 600px; top: 300px; width: 20px; height: 30px">x</button>`)"""
    )
    assert asked(page, SMALL) == ["11: small", "9: 12"]
    assert [text.partition(":")[0] for text in asked(page, TARGETS)] == ["20 x 30"]
    assert "small over another text" in asked(page, OVERPRINT)


def test_the_first_matrix_is_few_tabs_away(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    grid = layer(tab, "head.relu").get_by_role("grid")
    page.locator("iframe[src*='name=activis']").focus()
    pressed: list[str] = []
    while len(pressed) < 8 and not grid.evaluate("grid => grid === document.activeElement"):
        skip = there_is(tab.locator(":focus").filter(has_text="Skip to the matrix"))
        pressed.append("Enter" if skip else "Tab")
        page.keyboard.press(pressed[-1])
    expect(grid).to_be_focused()
    # And on from there, as by the pointer.
    page.keyboard.press("ArrowRight")
    expect(layer(tab, "head.relu").get_by_role("gridcell")).to_have_count(1)


@pytest.mark.parametrize(("width", "height"), [(640, 400), (720, 450), (960, 540)])
def test_nothing_is_overprinted_at_twice_the_size(board: str, browser: Browser, width: int, height: int) -> None:
    """Windows of 1280 x 800, 1440 x 900 and 1920 x 1080 at 200 %."""
    context = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=2)
    context.add_init_script(VISITED)
    page = context.new_page()
    page.goto(f"{board}/#activis{AT_FIRST}")
    tab = page.frame_locator('iframe[src*="name=activis"]')
    expect(tab.get_by_role("grid").first).to_be_visible()
    expect(tab.get_by_role("heading", name=re.compile("^Instance "))).to_be_visible()
    page.wait_for_timeout(500)
    found = {"classes": asked(page, OVERPRINT)}
    go(page, tab, link(run="digits-cnn", step=60, selection={"kind": "subset", "key": "s:8"}))
    expect(tab.get_by_role("heading", name="Class 8")).to_be_visible()
    page.wait_for_timeout(500)
    found["subset"] = asked(page, OVERPRINT)
    # What is below can be reached.
    drawer = tab.get_by_role("region", name="Detail", exact=True)
    drawer.scroll_into_view_if_needed()
    expect(drawer.get_by_role("heading", name="Class 8")).to_be_in_viewport()
    context.close()
    assert found == {"classes": [], "subset": []}


def test_the_wheel_over_a_projection_scrolls_the_panels(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, link(run="digits-cnn", step=60, layers=["stem", "block1", "block2", "head.relu", "head.fc2"]))
    plot = layer(tab, "stem").get_by_role("application", name=re.compile("^Projection"))
    whole = layer(tab, "stem").get_by_role("button", name="Show all")
    stack = tab.locator(".panel-stack")
    expect(plot).to_be_visible()
    box = rectangle(plot)
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.wheel(0, 100)

    def scrolled() -> None:
        assert stack.evaluate("stack => stack.scrollTop") > 50

    eventually(stack, scrolled)
    expect(whole).to_have_count(0)
    stack.evaluate("stack => stack.scrollTo(0, 0)")
    # With Ctrl it zooms, and without where the plot has the focus.
    page.keyboard.down("Control")
    page.mouse.wheel(0, -60)
    page.keyboard.up("Control")
    expect(whole).to_be_visible()
    whole.click()
    expect(whole).to_have_count(0)
    plot.focus()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.wheel(0, -300)
    expect(whole).to_be_visible()
    assert stack.evaluate("stack => stack.scrollTop") == 0
