"""Takes the pictures of docs/start: runs the program of each page as it stands, and opens the tab on what it logged.

Usage: python scripts/start.py [PAGE …]   # all pages without names
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.tab import go_to, link, opened, save, settle  # noqa: E402
from tensorboard_activis import open_run  # noqa: E402 - the checkout, not an installed version
from tests.board import tensorboard  # noqa: E402
from tests.chromium import launch  # noqa: E402
from tests.docs.pages import DOCS, blocks  # noqa: E402

#: By page, the layers that its picture shows.
LAYERS = {
    "pytorch": ["4", "7"],
    "lightning": ["hidden.1", "hidden.3"],
    "trainer": ["bert.encoder.layer.1.intermediate.intermediate_act_fn", "bert.pooler"],
    "keras": ["conv2d", "hidden"],
    "flax": ["/relu", "head"],
    "torchrun": ["1", "2"],
    "ray": ["1", "2"],
}


def log(page: str, directory: Path) -> None:
    """Runs a page's program in a directory of its own, on one processor."""
    directory.mkdir(parents=True)
    (code,) = blocks(DOCS / "start" / f"{page}.md")
    (directory / "train.py").write_text(code)
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"] if page == "torchrun" else []
    settings = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "disabled"}
    subprocess.run(
        [sys.executable, *several, "train.py"],
        cwd=directory,
        env=os.environ | settings,
        check=True,
        capture_output=True,
    )


def state(page: str, directory: Path) -> str:
    """Two layers of the page's run, sorted by clusters, and a wrong instance in the drawer where there is one."""
    (activis,) = directory.rglob("activis")
    snapshot = open_run(activis.parent).latest
    wrong = snapshot.where("not correct").nonzero()[0]
    chosen = {"selection": {"kind": "instance", "row": int(wrong[0])}} if len(wrong) else {}
    return link(run=activis.parent.relative_to(directory.parent).as_posix(), layers=LAYERS[page], **chosen)


def main(pages: list[str]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        for page in pages:
            print(f"{page}: training", flush=True)
            log(page, Path(temporary) / page)
        with tensorboard("--logdir", temporary) as base, sync_playwright() as playwright:
            chromium = launch(playwright)
            with opened(chromium, base, "light", (1280, 720)) as tab:
                for page in pages:
                    go_to(tab, state(page, Path(temporary) / page))
                    settle(tab)
                    save(tab, DOCS / "images" / f"start-{page}.png")
            chromium.close()


if __name__ == "__main__":
    main(sys.argv[1:] or list(LAYERS))
