"""How fast the tab responds: headless Chromium with software graphics, on runs of the sizes that the design names.

Usage: python benchmarks/browser.py [PART] [--minutes 30] [--runs DIRECTORY]
PART: matrix, first, projection, hover, table, graph, where or memory; all but memory without it.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from playwright.sync_api import Browser, FrameLocator, Page, Request, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import _browser_where
from benchmarks._browser_memory import CYCLE, PageMemory, Watch, middle, one_round
from benchmarks._browser_runs import BLOCKS, OPERATORS, write
from tests.board import tensorboard
from tests.chromium import launch

TAB = 'iframe[src*="name=activis"]'
FRAME = 16.7
MOVES = 21
#: Frames are counted in the tab's own window: `frames` are the times between them while something is going on.
COUNT = """() => {
  window.frames_ = [];
  let last = performance.now();
  window.counting = true;
  const next = (now) => {
    window.frames_.push(now - last);
    last = now;
    if (window.counting) requestAnimationFrame(next);
  };
  requestAnimationFrame((now) => { last = now; requestAnimationFrame(next); });
}"""
STOP = "() => { window.counting = false; return window.frames_; }"
#: Of the pointer event that is asked for: milliseconds from its own time stamp until its frame is drawn; where pictures are
#: wanted (they take longer than any answer), whether that frame changed them, and whether later ones changed them again.
WATCH = """() => {
  const picture = () => [...document.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL()).join()
    + [...document.querySelectorAll("[role=tooltip]")].map((tip) => tip.outerHTML).join();
  let pending = null;
  window.ask = (pictures) => { window.answer = null; pending = {pictures, before: pictures && picture()}; };
  window.addEventListener("pointermove", (event) => {
    if (!pending) return;
    const {pictures, before} = pending;
    pending = null;
    // A message is heard after what a frame does once its callbacks are through: style, layout, paint.
    requestAnimationFrame(() => {
      const port = new MessageChannel();
      port.port1.onmessage = () => {
        const taken = performance.now() - event.timeStamp;
        if (!pictures) { window.answer = {taken}; return; }
        const shown = picture();
        setTimeout(() => { window.answer = {changed: shown !== before, late: shown !== picture()}; }, 300);
      };
      port.port2.postMessage(0);
    });
  }, {capture: true});
}"""
ANSWER = """async () => {
  while (!window.answer) await new Promise((done) => setTimeout(done, 20));
  return window.answer;
}"""


def line(name: str, value: float, limit: float | None, unit: str = "ms") -> None:
    against = "" if limit is None else f"   limit {limit:g} {unit}   {'ok' if value <= limit else 'MISSED'}"
    print(f"{name:<72}{value:>9.1f} {unit}{against}", flush=True)


class Tab:
    """The tab on one run, and the measuring of it."""

    def __init__(self, page: Page, board: str) -> None:
        self.page = page
        self._board = board
        self._asked: list[Request] = []
        page.on("requestfinished", lambda request: self._asked.append(request))

    def megabytes(self) -> float:
        """Numbers that came over the wire since the run was opened."""
        return sum(map(_numbers, self._asked)) / 1e6

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator(TAB)

    def run(self, script: str, *arguments: object) -> Any:
        frame = next(frame for frame in self.page.frames if "name=activis" in frame.url)
        return frame.evaluate(script, *arguments)

    def open(self, run: str, state: str = "", *, until: str = "[role=grid] .matrix-row") -> float:
        """Goes to a run; seconds from the tab's own start until what was waited for is there."""
        self.page.goto("about:blank")
        self._asked.clear()
        self.page.goto(f"{self._board}/#activis&p.activis.run={run}{state}")
        self.frame.locator(until).first.wait_for(timeout=300_000)
        taken = float(self.run("() => performance.now()")) / 1000
        self.page.wait_for_timeout(2000)
        return taken

    def frames(self, work: Callable[[], None]) -> list[float]:
        """Milliseconds between frames while something is done."""
        self.run(COUNT)
        work()
        intervals: list[float] = self.run(STOP)
        return intervals

    def along(self, selector: str, x: float, y: float) -> list[tuple[float, float]]:
        """Seven places of an element, 12 pixels apart, from one given in shares of its size."""
        left, top, width, height = self.box(selector)
        return [(left + x * width + 12 * step, top + y * height) for step in range(7)]

    def hover(self, name: str, places: Sequence[tuple[float, float]], limit: float | None = FRAME) -> None:
        """Moves a pointer from place to place, and says how soon the tab answers."""
        self.run(WATCH)
        answers: dict[bool, list[Any]] = {False: [], True: []}
        for pictures, got in answers.items():
            self.page.mouse.move(*places[-1])
            for step in range(MOVES):
                self.page.wait_for_timeout(200)
                self.run("(pictures) => ask(pictures)", pictures)
                self.page.mouse.move(*places[step % len(places)])
                got.append(self.run(ANSWER))
        line(name, median(answer["taken"] for answer in answers[False]), limit)
        changed = [answer for answer in answers[True] if answer["changed"]]
        line(f"    of {len(changed)} new pictures, not whole in that frame", sum(a["late"] for a in changed), 0, "")

    def box(self, selector: str) -> tuple[float, float, float, float]:
        box = self.frame.locator(selector).first.bounding_box()
        assert box
        return box["x"], box["y"], box["width"], box["height"]


def _numbers(request: Request) -> int:
    """Bytes of an answer in numbers; 0 of others."""
    response = request.response() if "/data/plugin/activis/" in request.url else None
    kind = response.header_value("content-type") if response else None
    return request.sizes()["responseBodySize"] if kind == "application/octet-stream" else 0


def slow_frame(times: list[float]) -> float:
    """The 95th percentile."""
    return quantiles(times, n=20)[-1]


def matrix(tab: Tab) -> None:
    """1,000 rows by 16,384 neurons."""
    panel = '[aria-label="Layer features"] '
    line("matrix 1,000 x 16,384: open", tab.open("matrix", until=f"{panel}.matrix-row") * 1000, None)
    line("  numbers for the first picture", tab.megabytes(), None, "MB")
    x, y, width, height = tab.box(f"{panel}.matrix-body")

    def wheel(dy: int) -> Callable[[], None]:
        def work() -> None:
            tab.page.mouse.move(x + width * 0.6, y + height * 0.5)
            for _ in range(60):
                tab.page.keyboard.down("Control")
                tab.page.mouse.wheel(0, dy)
                tab.page.keyboard.up("Control")
                tab.page.wait_for_timeout(8)

        return work

    def pan() -> None:
        tab.page.mouse.move(x + width * 0.8, y + height * 0.5)
        tab.page.mouse.down()
        for step in range(80):
            tab.page.mouse.move(x + width * (0.8 - step * 0.006), y + height * (0.5 - step * 0.003))
        tab.page.mouse.up()

    line("  zoom in, slow frame", slow_frame(tab.frames(wheel(-60))), 20)
    line("  pan, slow frame", slow_frame(tab.frames(pan)), 20)
    line("  zoom out, slow frame", slow_frame(tab.frames(wheel(60))), 20)
    tab.hover("  hover, until its frame is drawn", tab.along(f"{panel}.matrix-body", 0.5, 0.4))


def first(tab: Tab) -> None:
    """20 layers and 10,000 instances: from the tab's start until both panels stand."""
    both = ".layer-panel:has(.matrix-legend):has(.projection-axis) ~ .layer-panel:has(.matrix-legend):has(.projection-axis)"
    tab.open("layers", until=both)  # the server's own first time, and the one for which the browser has kept nothing
    numbers = tab.megabytes()
    times = [tab.open("layers", until=both) * 1000 for _ in range(5)]
    line("20 layers, 10,000 instances: first picture", median(times), 1500)
    line("  numbers for it", numbers, 1, "MB")


def projection(tab: Tab) -> None:
    """100,000 points, and a million."""
    for run, count, slow in (("points", "100,000", 20.0), ("million", "1,000,000", 66.7)):
        line(f"projection {count}: open", tab.open(run, until=".projection-axis") * 1000, None)
        x, y, width, height = tab.box(".projection-plot")

        def zoom(x: float = x, y: float = y, width: float = width, height: float = height) -> None:
            tab.page.mouse.move(x + width * 0.5, y + height * 0.5)
            for step in range(40):
                tab.page.mouse.wheel(0, -40 if step < 20 else 40)
                tab.page.wait_for_timeout(8)

        def pan(x: float = x, y: float = y, width: float = width, height: float = height) -> None:
            tab.page.mouse.move(x + width * 0.7, y + height * 0.5)
            tab.page.mouse.down(button="middle")
            for step in range(60):
                tab.page.mouse.move(x + width * (0.7 - step * 0.006), y + height * 0.5)
            tab.page.mouse.up(button="middle")

        def hover(x: float = x, y: float = y, width: float = width, height: float = height) -> None:
            for step in range(60):
                tab.page.mouse.move(x + width * (0.35 + step * 0.004), y + height * 0.5)
                tab.page.wait_for_timeout(8)

        line("  zoom, slow frame", slow_frame(tab.frames(zoom)), slow)
        line("  pan, slow frame", slow_frame(tab.frames(pan)), slow)
        line("  hover from point to point, slow frame", slow_frame(tab.frames(hover)), slow)
        tab.hover("  hover, until its frame is drawn", tab.along(".projection-plot", 0.4, 0.5), None)

        def lasso(x: float = x, y: float = y, width: float = width, height: float = height) -> None:
            tab.page.mouse.move(x + width * 0.3, y + height * 0.3)
            tab.page.mouse.down()
            for across, down in ((0.7, 0.3), (0.7, 0.7), (0.3, 0.7)):
                tab.page.mouse.move(x + width * across, y + height * down, steps=60)
            tab.page.mouse.up()
            # Looking for a text takes frames of its own: that is done afterwards.
            tab.page.wait_for_timeout(1000)

        line("  lasso, longest frame", max(tab.frames(lasso)), 50 if run == "points" else None)
        tab.frame.get_by_text("picked").first.wait_for()


def hover(tab: Tab) -> None:
    """All four views follow the pointer, 10,000 instances."""
    tab.open("hover", until=".projection-axis")
    tab.hover("linked hover over four views, 10,000 instances: a cell", tab.along(".matrix-body", 0.5, 0.4), 33)
    labels = [label.bounding_box() for label in tab.frame.locator(".classes-label").all()[:5]]
    tab.hover("  a class in C", [(box["x"] + 9, box["y"] + 9) for box in labels if box], 33)


#: From a click, or a word typed, until the table's first line is another one.
TURNED = """async ([selector, text]) => {
  const first = () => document.querySelector(".table-row .table-id")?.textContent;
  const [before, element, started] = [first(), document.querySelector(selector), performance.now()];
  if (text === null) element.click();
  else { element.value = text; element.dispatchEvent(new InputEvent("input", {bubbles: true})); }
  while (first() === before || first() === undefined) await new Promise(requestAnimationFrame);
  return performance.now() - started;
}"""


def table(tab: Tab) -> None:
    """The table of 1,000,000 instances, against that of 10,000."""
    score = ".table-head [role=columnheader]:nth-child(5) button"
    texts = [f'label == "class {label}" and score < 0.5' for label in range(5)]
    slow = []
    for run, count in (("hover", "10,000"), ("million", "1,000,000")):
        opened = tab.open(run, "&p.activis.tab=table&p.activis.layers=%5B%22head%22%5D", until=".table-id")
        line(f"table of {count} instances: open", opened * 1000, None)
        x, y, width, height = tab.box(".table-scroll")

        def scroll(x: float = x, y: float = y, width: float = width, height: float = height) -> None:
            tab.page.mouse.move(x + width * 0.5, y + height * 0.5)
            for _ in range(60):
                tab.page.mouse.wheel(0, 120)
                tab.page.wait_for_timeout(8)

        slow.append(slow_frame(tab.frames(scroll)))
        line("  scroll, slow frame", slow[-1], None)
        sorted_ = [float(tab.run(TURNED, [score, None])) for _ in range(6)]
        line("  sort by score, until it is there", median(sorted_), None)
        times = [float(tab.run(TURNED, ["input[aria-label='Subset expression']", text])) for text in texts]
        line("  filter, a quarter of a second to type included", median(times), None)
    line("  scroll, a million against ten thousand", slow[1] / slow[0], 1.2, "x")


def graph(tab: Tab) -> None:
    """10,000 operators; medians, for whatever else the machine does."""
    firsts = [tab.open("graph", until="#graph-block0") * 1000 for _ in range(3)]
    line("graph of 10,000 operators: first picture", median(firsts), 1000)
    drawn = """async (key) => {
      const item = document.getElementById(`graph-${key}`);
      const started = performance.now();
      item.dispatchEvent(new MouseEvent("dblclick", {bubbles: true}));
      const opened = () => document.querySelector(`[id^="graph-${key}."]`);
      while (!opened() && performance.now() < started + 10000) await new Promise(requestAnimationFrame);
      const taken = performance.now() - started;
      document.getElementById(`graph-${key}`).dispatchEvent(new MouseEvent("dblclick", {bubbles: true}));
      return taken;
    }"""
    times = []
    for block in range(9):
        times.append(float(tab.run(drawn, f"block{block}")))
        tab.page.wait_for_timeout(200)
    line(f"  a group of {OPERATORS // BLOCKS} opens", median(times), 200)
    tab.frame.get_by_role("button", name="Search the graph").click()
    tab.frame.locator(".graph-search input").wait_for()
    # The numbers of hits are those of this text, and of no other.
    search = """async ([text, hits]) => {
      const input = document.querySelector(".graph-search input");
      const started = performance.now();
      input.value = text;
      input.dispatchEvent(new InputEvent("input", {bubbles: true}));
      const said = new RegExp(`of ${hits}$`);
      const answered = () => said.test(input.closest("header").textContent.trim());
      while (!answered() && performance.now() < started + 10000) await new Promise(requestAnimationFrame);
      return performance.now() - started;
    }"""
    each = OPERATORS // BLOCKS
    names = [f"block{block}.op{place}" for block in range(BLOCKS) for place in range(each)]
    texts = ["op77", "block7", "op1", "op24", "op9", "block3", "op2", "op19", "op"]
    hits = [
        sum(text in name for name in names) + sum(text in f"block{block}" for block in range(BLOCKS)) for text in texts
    ]
    times = [float(tab.run(search, pair)) for pair in zip(texts, hits, strict=True)]
    line("  search, the first one", times[0], 100)
    line("  search, the others", median(times[1:]), 100)


def where(tab: Tab) -> None:
    """A neuron's drawer with its sixteen maps, each neuron seen for the first time."""
    tab.open(_browser_where.RUN, "&p.activis.layers=%5B%22relu%22%5D", until=".matrix-body")
    x, y, width, _ = tab.box(".matrix-body")
    times = []
    for step in range(16):  # the first one loads code, too
        tab.run(_browser_where.MAPS)
        tab.page.mouse.click(x + width * (0.4 + 0.035 * step), y + 30)
        times.append(float(tab.run(ANSWER)))
        tab.page.wait_for_timeout(300)
    line("drawer of a neuron with its 16 maps, first seen", median(times[1:]), 150)


def memory(tab: Tab, minutes: float) -> None:
    """What the page holds in the last rounds of scripted use, against what it held in as many first ones."""
    tab.open("memory", until=".projection-axis")
    watch, rounds = Watch(tab.page), list[PageMemory]()
    started = time.monotonic()
    while len(rounds) < 2 * CYCLE or time.monotonic() < started + minutes * 60:
        one_round(tab.page, tab.frame, len(rounds))
        rounds.append(watch.measure())
    first, last = middle(rounds[:CYCLE]), middle(rounds[-CYCLE:])
    print(f"medians of {CYCLE} rounds: first {first}, last {last}")
    print(f"memory of the tab after {minutes:g} minutes and {len(rounds)} rounds, against its first {CYCLE} rounds:")
    line("  heap", last.heap / first.heap, 1.2, "x")
    line("  nodes", last.nodes / first.nodes, 1.2, "x")
    line("  listeners", last.listeners / first.listeners, 1.2, "x")


@contextmanager
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument(
        "part", nargs="?", choices=("matrix", "first", "projection", "hover", "table", "graph", "where", "memory")
    )
    arguments.add_argument("--minutes", type=float, default=30)
    arguments.add_argument("--runs", type=Path, help="where the runs are, or are to be written")
    chosen = arguments.parse_args()
    parts: dict[str, Callable[[Tab], None]] = {
        "matrix": matrix,
        "first": first,
        "projection": projection,
        "hover": hover,
        "table": table,
        "graph": graph,
        "where": where,
    }
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        log_dir = chosen.runs or Path(temporary)
        wanted = [chosen.part] if chosen.part else list(parts)
        write(log_dir, wanted)
        if "where" in wanted and not (log_dir / _browser_where.RUN).exists():
            _browser_where.write(log_dir / _browser_where.RUN)
        browser = launch(playwright)
        with tensorboard(f"--logdir={log_dir}", tensorflow=True) as board:
            for part in wanted:
                with page(browser) as shown:
                    if part == "memory":
                        memory(Tab(shown, board), chosen.minutes)
                    else:
                        parts[part](Tab(shown, board))
        browser.close()


if __name__ == "__main__":
    main()
