"""How long after the click on the tab its first picture stands, on a run of the demo. The limit is 1.5 seconds.

Usage: python benchmarks/first_picture.py [LOGDIR]   # LOGDIR: of an earlier demo; trained anew without it
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.board import tensorboard
from tests.chromium import launch

LIMIT = 1.5
TIMES = 7


def first_picture(browser: Browser, address: str) -> float:
    """Seconds from the click on the tab, in a browser that has never seen it, until all four views show data."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{address}/#timeseries")
    tab = page.get_by_role("tab", name="ActiVis")
    tab.wait_for()
    page.wait_for_load_state("networkidle")
    frame = page.frame_locator('iframe[src*="name=activis"]')
    started = time.perf_counter()
    tab.click()
    for role, name in (
        ("tree", "Layers of the model"),
        ("grid", "Activations in"),
        ("application", "Projection of"),
        ("region", "Instances"),
    ):
        view = frame.get_by_role(role, name=name).last  # type: ignore[arg-type]
        expect(view).to_be_visible(timeout=60_000)
    # Both matrices and both projections are drawn when their legends stand.
    expect(frame.get_by_role("img", name="Colours from")).to_have_count(2, timeout=60_000)
    expect(frame.get_by_text("PC1")).to_have_count(2, timeout=60_000)
    elapsed = time.perf_counter() - started
    context.close()
    return elapsed


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        logs = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        if len(sys.argv) == 1:
            demo = [sys.executable, "-m", "tensorboard_activis.cli", "demo", "--no-serve", "--logdir", str(logs)]
            subprocess.run(demo, check=True, capture_output=True)
        with tensorboard(f"--logdir={logs}") as address, sync_playwright() as playwright:
            browser = launch(playwright)
            first_picture(browser, address)  # the server's own first time
            times = [first_picture(browser, address) for _ in range(TIMES)]
            browser.close()
    median = statistics.median(times)
    print(
        f"first picture: median {median:.2f} s of {TIMES} ({min(times):.2f} to {max(times):.2f}); {median / LIMIT:.2f} of the limit"
    )


if __name__ == "__main__":
    main()
