"""Takes the pictures of docs/walkthrough.md on a run of examples/trec.py, and checks the page's figures against that run.

Usage: make walkthrough ARGS=DATA, or: python scripts/walkthrough.py DATA    # a directory with TREC.train: trains anew
       python scripts/walkthrough.py --logs DIRECTORY                         # the directory that the example logged to
"""

import argparse
import runpy
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.tab import go_to, link, opened, save, settle, tab_of  # noqa: E402
from tensorboard_activis import open_run  # noqa: E402 - the checkout, not an installed version
from tensorboard_activis.query.snapshot import Snapshot  # noqa: E402
from tests.board import tensorboard  # noqa: E402
from tests.chromium import launch  # noqa: E402

IMAGES = ROOT / "docs" / "images"
TEXT = ROOT / "docs" / "walkthrough.md"
RUN = "cnn"
CLASSES = ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")
EARLY, LAST = 4, 12
QUESTION = "Who was the first animal into space ?"
WHO = r'matches(text, "(?i)\\bwho\\b")'
THINGS = f'{WHO} and label == "ENTY"'
LAYERS = ["hidden", "head"]
#: What the text dwells on: strongest for NUM, and that which answers to NUM alone.
STRONGEST, OWN = 6, 15
#: One of the five that keep the question from its own class.
READER = 60


@dataclass(frozen=True)
class Picture:
    """A state of the tab, and the panes that are shown of it; all of the window without."""

    name: str
    link: str
    panes: tuple[str, ...] = ()
    #: Pixels that the graph gets.
    graph: int | None = None
    height: int = 900


def pictures(logs: Path) -> list[Picture]:
    """What the text shows, in its order."""
    last = open_run(logs / RUN).snapshot(LAST)
    row = last.instances["text"].to_pylist().index(QUESTION)
    classes = [["s", name] for name in CLASSES]
    things = ["e", THINGS, "who, but a thing", 13]
    people = {"by": "difference", "a": "s:HUM", "b": "s:ENTY"}
    lower = ("pane.panels", "pane.detail")  # all but the graph

    def state(**more: object) -> str:
        return link(**({"run": RUN, "layers": LAYERS} | more))

    return [
        Picture("overview", state(), graph=440),
        Picture(
            "sorted",
            state(sort={"by": "row", "a": "s:NUM"}, selection={"kind": "neuron", "layer": "hidden", "neuron": OWN}),
            lower,
        ),
        Picture(
            "instance",
            state(
                rows=[["i", row], *classes], sort=people, selection={"kind": "instance", "row": row}, detail="hidden"
            ),
            lower,
        ),
        Picture(
            "subset",
            state(
                step=str(EARLY),
                rows=[*classes, things],
                sort=people,
                selection={"kind": "subset", "key": f"e:{THINGS}"},
                detail="hidden",
            ),
            lower,
        ),
        Picture(
            "steps",
            state(rows=[["s", "ENTY"], ["s", "HUM"], things], sort=people, compare=[RUN, EARLY]),
            ("pane.panels",),
        ),
        Picture(
            "layers",
            state(layers=["convs.window4", *LAYERS], rows=[["i", row], *classes]),
            ("pane.panels",),
            height=1240,
        ),
    ]


def figures(logs: Path) -> list[str]:
    """What the text says in numbers, in its words, as this run has it."""
    run = open_run(logs / RUN)
    last, early, first = run.snapshot(LAST), run.snapshot(EARLY), run.snapshot(run.steps[0])

    def count(snapshot: Snapshot, *conditions: str) -> int:
        return int(snapshot.where(" and ".join(conditions)).sum())

    def auc(neuron: int) -> float:
        return next(one.auc for one in last.neuron_detail("hidden", neuron, []).classes if one.class_ == "NUM")

    texts = last.instances["text"].to_pylist()

    def driving(neuron: int) -> str:
        return str(texts[last.neuron_detail("hidden", neuron, []).top[0].index])

    row = texts.index(QUESTION)

    def people_near(layer: str) -> str:
        labels = [near.label for near in last.instance_detail(layer, row).neighbours]
        return f"{labels.count('HUM')} of the {len(labels)}"

    contrast = last.instance_detail("hidden", row).contrast
    assert contrast is not None
    costliest, together = contrast.neurons[0], contrast.together
    assert together is not None
    assert READER in [each.neuron for each in contrast.neurons]
    tested, right = 'split == "test"', "correct"
    thing, person = 'label == "ENTY"', 'label == "HUM"'
    short, described, taken = 'label == "ABBR"', 'prediction == "DESC"', 'prediction == "HUM"'
    means = last.matrix("hidden", CLASSES).mean
    # As the graph asks: of a closed module it has the figure of the last layer inside.
    apart = {layer.name: layer.accuracy for layer in last.separation(limit=1_000).layers}
    sentence = last.separation(['label == "ABBR"', 'label == "DESC"'], layers=["hidden"], limit=1_000).layers[0]
    strongest = last.matrix("hidden", CLASSES, sort="NUM").order
    return [
        f"{last.instances.num_rows:,} questions",
        f"{last.record.metrics['accuracy']:.1%} of all questions",
        f"{count(last, tested, right) / count(last, tested):.1%} of the {count(last, tested)} test questions",
        f"neuron {strongest[0]} comes first, then neuron {strongest[1]}",
        f"AUC {auc(STRONGEST):.2f}",
        f"AUC {auc(OWN):.2f}",
        f"numbers have a mean of {means[CLASSES.index('NUM'), OWN]:.1f}",
        f"things (mean {means[CLASSES.index('ENTY'), STRONGEST]:.1f})",
        f"descriptions ({means[CLASSES.index('DESC'), STRONGEST]:.1f})",
        *(f"“{driving(neuron)}”" for neuron in (OWN, READER)),
        f"#{last.instances['id'][row]}",
        f"score {last.column('score')[row]:.2f}",
        f"With neuron {costliest.neuron} at the mean of things its margin would be {costliest.estimated:.2f} higher",
        f"R² {contrast.estimate.r2:.2f}",
        f"With all {together.count} it would go from {together.before:.1f} to {together.after:.1f}".replace("-", "−"),
        f"{count(last, WHO)} questions hold the word “who”: {count(last, WHO, person)} ask for a person",
        f"{count(last, WHO, thing)} for a thing",
        f"takes all {count(early, WHO, thing, taken)} of them for people",
        f"{count(last, WHO, thing, right)} of the {count(last, WHO, thing)} are right",
        f"the other {count(last, WHO, thing, taken)}",
        f"in the convolution {people_near('convs.window4')} nearest",
        f"in `hidden` {people_near('hidden')}",
        f"{count(first, short, described)} of the {count(first, short)} abbreviations",
        f"ABBR is taken for DESC in {count(last, short, described)} of {count(last, short)}",
        f"apart by `hidden` ({sentence.accuracy:.0%})",
        f"{apart['convs.window5']:.0%} in the convolutions, {apart['hidden']:.0%} in `hidden`",
        f"{count(last, short, described)} of its {count(last, short, 'not correct')} wrong ones",
    ]


def take(page: Page, picture: Picture) -> None:
    """Opens the state, waits until it stands still, saves it."""
    page.set_viewport_size({"width": 1440, "height": picture.height})
    go_to(page, picture.link, panes={"graph": picture.graph} if picture.graph else {})
    settle(page)
    if not picture.panes:  # the sentence and the bars of the graph come when all layers were looked at
        tab_of(page).get_by_text("apart by").wait_for(timeout=120_000)
        tab_of(page).locator(".graph-rung").first.wait_for()
        settle(page)
    if tab_of(page).get_by_role("button", name="Try again").count():
        sys.exit(f"walkthrough: {picture.name}: something failed in the tab; its picture is not taken")
    boxes = [box for pane in picture.panes if (box := tab_of(page).locator(f".{pane}").bounding_box())]
    clip = {}
    if boxes:
        left, top = min(box["x"] for box in boxes), min(box["y"] for box in boxes)
        right, bottom = max(box["x"] + box["width"] for box in boxes), max(box["y"] + box["height"] for box in boxes)
        clip = {"clip": {"x": left, "y": top, "width": right - left, "height": bottom - top}}
    path = IMAGES / f"walkthrough-{picture.name}.png"
    save(page, path, **clip)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1024:.0f} KB")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data", type=Path, nargs="?", help="directory with TREC.train and TREC.test")
    arguments.add_argument("--logs", type=Path, help="where the example logged to, instead")
    arguments.add_argument("--only", default="", help="take only this picture")
    chosen = arguments.parse_args()
    if (chosen.data is None) == (chosen.logs is None):
        arguments.error("walkthrough: give the data (a directory with TREC.train and TREC.test), or --logs of a run")
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        logs = chosen.logs or Path(temporary)
        if chosen.data:
            with patch.object(sys, "argv", ["trec.py", str(chosen.data), "--log-dir", str(logs / RUN)]):
                runpy.run_path(str(ROOT / "examples" / "trec.py"), run_name="__main__")
        claims, text = figures(logs), " ".join(TEXT.read_text().split())
        browser = launch(playwright)
        with tensorboard("--logdir", str(logs)) as board, opened(browser, board, "light", (1440, 900)) as page:
            for picture in pictures(logs):
                if chosen.only in picture.name:
                    take(page, picture)
        browser.close()
    untrue = [words for words in claims if words not in text]
    if untrue:
        sys.exit("docs/walkthrough.md does not say, as it would of this run:\n  " + "\n  ".join(untrue))


if __name__ == "__main__":
    main()
