"""Takes the pictures of a page of docs/ of the run of an example."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.tab import go_to, link, opened, save, settle  # noqa: E402
from tests.board import tensorboard  # noqa: E402
from tests.chromium import launch  # noqa: E402

IMAGES = ROOT / "docs" / "images"


def take_pictures(directory: Path, run: str, states: Mapping[str, Mapping[str, Any]], prefix: str) -> None:
    """Saves a picture of each state of the tab as docs/images/PREFIX-NAME.png.

    Args:
        directory: that holds the run.
        states: by name.
    """
    with tensorboard("--logdir", str(directory)) as base, sync_playwright() as playwright:
        chromium = launch(playwright)
        with opened(chromium, base, "light", (1440, 900)) as page:
            for name, state in states.items():
                go_to(page, link(run=run, **state), {"detail": 390})
                settle(page)
                save(page, IMAGES / f"{prefix}-{name}.png")
        chromium.close()
