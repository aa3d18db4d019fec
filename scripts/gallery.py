"""Pictures of every view and state of the tab, light and dark, 1280 and 1920 px wide (some 1024), in real TensorBoard.

Usage: make gallery, or: python scripts/gallery.py [--only PART] [--out DIRECTORY]; then open DIRECTORY/index.html.
"""

import argparse
import contextlib
import html
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import gallery_health, gallery_thinned  # noqa: E402
from scripts.gallery_findings import shots as findings  # noqa: E402
from scripts.gallery_findings import write_planted  # noqa: E402
from scripts.gallery_runs import write_all  # noqa: E402
from scripts.gallery_shots import Shot, of_runs, views  # noqa: E402
from scripts.gallery_trained_shots import trained  # noqa: E402
from scripts.tab import Scheme, go_to, opened, settle, tab_of  # noqa: E402
from tests.board import tensorboard  # noqa: E402
from tests.chromium import launch  # noqa: E402

#: The smallest window that is promised; taken of some states only.
NARROW = (1024, 768)
SIZES = ((1280, 800), (1920, 1080), NARROW)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
Look = tuple[Scheme, tuple[int, int]]


@contextlib.contextmanager
def answering(page: Page, what: str) -> Iterator[None]:
    """What the plugin answers about a snapshot meanwhile: what it has, nothing, or errors."""
    if what == "real":
        yield
        return
    error = {"error": {"kind": "unreadable", "message": "step-0000000040.safetensors is missing"}}
    answers = re.compile(r"/plugin/activis/(graph|snapshot|strips|matrix|projection|columns|instance|neuron|where)\b")
    page.route(answers, lambda route: route.fulfill(status=422, json=error) if what == "errors" else None)
    yield
    page.unroute(answers)


def take(browser: Browser, board: str, shots: list[Shot], out: Path, looks: list[Look]) -> None:
    """Every picture in every size and scheme; one page each, for TensorBoard takes its time to start."""
    for scheme, size in looks:
        with opened(browser, board, scheme, size) as page:
            for shot in shots:
                if size != NARROW or shot.narrow:
                    take_one(page, shot, out / file_name(shot.name, scheme, size[0]))


def take_one(page: Page, shot: Shot, path: Path) -> None:
    """The state, what is done there, the picture."""
    seconds = 1.2 if shot.answers == "none" else 20
    with answering(page, shot.answers):
        go_to(page, shot.link)
        settle(page, seconds)
        try:
            shot.act(page, tab_of(page))
        except Error as error:  # the other pictures are still wanted
            print(f"{path.name}: {str(error).splitlines()[0]}", file=sys.stderr)
        settle(page, seconds)
        page.screenshot(path=path)
    page.unroute_all()


def file_name(name: str, scheme: str, width: int) -> str:
    return f"{name.replace(' ', '-').replace(',', '')}-{scheme}-{width}.png"


def looks_of(name: str) -> list[str]:
    return [file_name(name, scheme, width) for width, _ in SIZES for scheme in SCHEMES]


def index(names: list[str], out: Path) -> None:
    """One page with all pictures, a line per state."""
    lines = [
        f"<h2>{html.escape(name)}</h2><p>"
        + "".join(f'<a href="{file}"><img loading="lazy" width="420" src="{file}" alt=""></a> ' for file in files)
        + "</p>"
        for name in names
        if (files := [file for file in looks_of(name) if (out / file).exists()])
    ]
    out.joinpath("index.html").write_text(
        '<!doctype html><meta charset="utf-8"><title>Gallery</title>'
        "<style>body { font: 14px sans-serif; margin: 24px } img { border: 1px solid #ccc }</style>" + "\n".join(lines),
        encoding="utf-8",
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--only", default="", help="take only pictures whose name contains this")
    arguments.add_argument("--out", type=Path, default=ROOT / "gallery")
    arguments.add_argument("--runs", type=Path, help="a directory with the runs of an earlier call, or for this one's")
    arguments.add_argument("--look", default="", help="only this one, as in dark-1920")
    chosen = arguments.parse_args()
    looks = [(scheme, size) for scheme in SCHEMES for size in SIZES if chosen.look in f"{scheme}-{size[0]}"]
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        log_dir = chosen.runs or Path(temporary) / "logs"
        if not log_dir.exists():
            write_all(log_dir)
            write_planted(log_dir)
            gallery_health.write(log_dir)
            gallery_thinned.write_thinned(log_dir)
        runs = sorted(path.name for path in log_dir.iterdir())
        shots = views() + trained() + of_runs(runs) + findings() + gallery_health.shots() + gallery_thinned.shots()
        names = [shot.name for shot in shots] + ["empty"]
        wanted = [shot for shot in shots if chosen.only in shot.name]
        browser = launch(playwright)
        if wanted:
            with tensorboard(f"--logdir={log_dir}") as board:
                take(browser, board, wanted, chosen.out, looks)
        if chosen.only in "empty":
            nowhere = Path(temporary) / "empty"
            nowhere.mkdir()
            with tensorboard(f"--logdir={nowhere}") as board:
                take(browser, board, [Shot("empty", "#activis", narrow=True)], chosen.out, looks)
        browser.close()
        index(names, chosen.out)
    print(chosen.out / "index.html")


if __name__ == "__main__":
    main()
