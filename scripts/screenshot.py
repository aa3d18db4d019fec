"""Takes the README's pictures: the tab on the demo's run, light and dark, with two wrong instances pinned.

Usage: make screenshot, or: python scripts/screenshot.py [LOGDIR]   # LOGDIR: of an earlier demo; trained anew without it
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.tab import Scheme, go_to, link, opened, save, settle  # noqa: E402
from tensorboard_activis import cli, open_run  # noqa: E402 - the checkout, not an installed version
from tests.board import tensorboard  # noqa: E402
from tests.chromium import launch  # noqa: E402

IMAGES = ROOT / "docs" / "images"
RUN = "digits-cnn"
LAYERS = ["block2", "head.relu"]
#: What the picture explains: an image of this class, and the class that the network takes it for.
LABEL = 8


def state(log_dir: Path) -> str:
    """The state that the pictures show: two layers, the difference of two classes, two instances."""
    snapshot = open_run(log_dir / RUN).latest
    score = snapshot.column("score")
    wrong = snapshot.where(f"label == {LABEL} and not correct").nonzero()[0]
    right = snapshot.where(f"label == {LABEL} and correct").nonzero()[0]
    pinned = [max(rows, key=lambda row: score[row]) for rows in (wrong, right)]
    taken_for = snapshot.column("prediction")[pinned[0]]
    return link(
        run=RUN,
        layers=LAYERS,
        rows=[["i", int(row)] for row in pinned] + [["s", str(label)] for label in range(10)],
        sort={"by": "difference", "a": f"s:{LABEL}", "b": f"s:{taken_for}"},
        selection={"kind": "instance", "row": int(pinned[0])},
    )


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        log_dir = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary) / "logs"
        if len(sys.argv) == 1 and cli.main(["demo", "--no-serve", "--logdir", str(log_dir)]) != 0:
            sys.exit("screenshot: the demo failed, see above")
        with tensorboard("--logdir", str(log_dir)) as base, sync_playwright() as playwright:
            chromium = launch(playwright)
            schemes: tuple[Scheme, ...] = ("light", "dark")
            for scheme in schemes:
                with opened(chromium, base, scheme, (1440, 900)) as page:
                    go_to(page, state(log_dir))
                    settle(page)
                    save(page, IMAGES / f"demo-{scheme}.png")
            chromium.close()


if __name__ == "__main__":
    main()
