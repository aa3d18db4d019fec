"""The README's tour without a mouse: only keys are pressed, and focus goes only where Tab and the arrows take it."""

import re

from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.reading import there_is
from tests.browser.test_tour import AT_FIRST, FIRST, SECOND, layer, row, settled

#: More than the tab has stops.
MOST_STOPS = 150
HAS_FOCUS = "element => element === document.activeElement || element.contains(document.activeElement)"


class Keys:
    """Somebody at a keyboard."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, *keys: str) -> None:
        for key in keys:
            self._page.keyboard.press(key)

    def type(self, text: str) -> None:
        self._page.keyboard.type(text)

    def go_to(self, target: Locator, key: str = "Tab") -> None:
        """Presses the key until the target has the focus."""
        for _ in range(MOST_STOPS):
            if there_is(target) and target.first.evaluate(HAS_FOCUS):
                return
            self.press(key)
            # What a key shows is focused a frame later where it was not drawn before.
            self._page.evaluate("() => new Promise(requestAnimationFrame)")
        raise AssertionError(f"{key} never came to {target}")

    def choose(self, tab: FrameLocator, name: str) -> None:
        """Walks down the open menu to an option and takes it."""
        active = tab.locator(".menu .menu-option.active")
        expect(active).to_be_visible()
        self.press("Home")
        for _ in range(MOST_STOPS):
            key = active.get_attribute("id") or ""
            if re.match(name, active.inner_text().replace("\n", " ")):
                return self.press("Enter")
            self.press("ArrowDown")
            expect(active).not_to_have_id(key)
        raise AssertionError(f"the menu has no {name}")


def test_the_tour_without_a_mouse(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    keys = Keys(page)

    # A layer, found in the graph's tree, opens its panel.
    keys.go_to(tab.get_by_role("tree", name="Layers of the model").locator("[tabindex='0']"))
    keys.go_to(tab.get_by_role("treeitem", name=re.compile(r"^block2\b")), "ArrowDown")
    keys.press(" ")
    panel = layer(tab, "block2")
    expect(panel).to_contain_text("48 neurons")

    # Sorted by a class, then by the difference of two.
    grid = panel.get_by_role("grid")
    expect(panel.get_by_role("rowheader")).to_have_count(10)
    keys.go_to(grid)
    keys.press("Control+Home", *["ArrowDown"] * 8, "Enter")
    expect(tab.get_by_role("button", name=re.compile("Sort neurons by: 8"))).to_be_visible()
    keys.press(*["ArrowUp"] * 5, "Shift+Enter")
    expect(panel).to_contain_text("effect size")

    # A cell tells its value, and its neuron stands in the drawer.
    keys.press("ArrowRight")
    expect(panel.get_by_role("gridcell")).to_contain_text(re.compile(r"Neuron \d+, 3, mean"))
    keys.press("Enter")
    drawer = tab.get_by_role("region", name="Detail", exact=True)
    expect(drawer.get_by_role("heading", name=re.compile("^Neuron "))).to_be_visible()

    # It shows where it responds; beside that are its values, of which a range becomes a subset.
    keys.go_to(drawer.get_by_role("radio", name="where", exact=True))
    keys.press("ArrowRight")
    keys.go_to(drawer.get_by_role("button", name=re.compile("^New subset from a range")))
    keys.press("Enter")
    editor = tab.get_by_role("dialog", name="New subset")
    expect(editor.get_by_text(re.compile(r"\d+ of 899"))).to_be_visible()
    keys.press("Enter")
    expect(grid).to_have_attribute("aria-rowcount", "11")

    # A wrong instance, from the list, becomes a row and the subject of the drawer.
    wrong = tab.get_by_role("listbox", name="Wrong")
    keys.go_to(wrong, "Shift+Tab")
    name = next(word for word in wrong.get_by_role("option").first.inner_text().split() if word.startswith("#"))
    keys.press("ArrowDown", "Enter")
    expect(row(panel, name)).to_be_visible()
    expect(drawer.get_by_role("heading", name=f"Instance {name}")).to_be_visible()

    # An instance in the projection.
    keys.go_to(panel.get_by_role("application", name=re.compile("^Projection")), "Shift+Tab")
    keys.press("ArrowRight", "ArrowRight", "Enter")
    expect(grid).to_have_attribute("aria-rowcount", re.compile("12|13"))

    # An expression becomes a row; its menu combines it with another.
    keys.go_to(tab.get_by_role("combobox", name="Subset expression"), "Shift+Tab")
    keys.type("not correct")
    expect(tab.get_by_text(re.compile(r"^\d+ of 899$"))).to_be_visible()
    keys.press("Enter")
    menu = tab.get_by_role("button", name="Menu of not correct")
    expect(menu).to_be_visible()
    keys.go_to(menu)
    keys.press("Enter")
    keys.choose(tab, "Edit or combine")
    editor = tab.get_by_role("dialog", name="Edit the subset")
    expect(editor).to_be_visible()
    keys.go_to(editor.get_by_role("button", name="Combine with"))
    keys.press("Enter")
    keys.choose(tab, "8$")
    expect(editor.get_by_role("textbox", name="Condition")).to_have_value("(not correct) and label == 8")
    change = editor.get_by_role("button", name="Change")
    expect(change).to_be_enabled()
    keys.go_to(change)
    keys.press("Enter")
    expect(tab.get_by_role("button", name="Menu of not correct and 8")).to_be_visible()

    # The step before, then another run beside this one, then that run.
    keys.go_to(tab.get_by_role("slider", name="Training step"), "Shift+Tab")
    keys.press("ArrowLeft")
    expect(tab.get_by_text(re.compile("40 of 60"))).to_be_visible()
    keys.go_to(tab.get_by_role("button", name="Compare with"), "Shift+Tab")
    keys.press("Enter")
    keys.choose(tab, SECOND)
    expect(panel).to_contain_text(f"lower half: {SECOND}")
    keys.go_to(tab.get_by_role("button", name=f"Run: {FIRST}"), "Shift+Tab")
    keys.press("Enter")
    keys.choose(tab, SECOND)
    expect(tab.get_by_role("button", name=f"Run: {SECOND}")).to_be_visible()


def test_confusion_and_table_without_a_mouse(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    keys = Keys(page)

    keys.go_to(tab.get_by_role("radiogroup", name="Instances as"))
    keys.press("ArrowRight")
    confusion = tab.get_by_role("application", name=re.compile("^Label by prediction"))
    keys.go_to(confusion)
    keys.press("ArrowDown", "ArrowRight", "Enter")
    expect(tab.get_by_text(re.compile(r"^\d+ picked$")).first).to_be_visible()
    keys.go_to(
        tab.get_by_role("region", name="Instances", exact=True).get_by_role("button", name="Add as row"), "Shift+Tab"
    )
    keys.press("Enter")
    expect(tab.get_by_role("button", name=re.compile("^Menu of .* → "))).to_be_visible()

    keys.go_to(tab.get_by_role("radiogroup", name="Instances as"))
    keys.press("ArrowRight")
    table = tab.get_by_role("grid", name="Instances")
    expect(table.get_by_role("row").nth(2)).to_be_visible()
    keys.go_to(table)
    keys.press("ArrowDown", " ", "ArrowDown", "ArrowDown", "Shift+ ")
    expect(tab.get_by_text("3 picked").first).to_be_visible()
    keys.press("Enter")
    expect(tab.get_by_role("heading", name=re.compile("^Instance "))).to_be_visible()
