"""Runs and pictures of the gallery that show findings: a slice that fails, neurons that died, and a run without them."""

from pathlib import Path

import numpy as np
from playwright.sync_api import FrameLocator, Page

from scripts.gallery_runs import WIDTHS, State, digits, respond, write
from scripts.gallery_shots import Act, Shot
from scripts.tab import link

RUN, CURED = "sites", "sites-cured"


def write_planted(log_dir: Path) -> list[str]:
    """Writes the two runs; gives their names."""
    for name, share in ((RUN, 0.45), (CURED, 0.05)):
        write(log_dir / name, _state(share))
    return [RUN, CURED]


def _state(share: float) -> State:
    """Digits of four sites; of site D a share is taken for the next digit. Where it is large, neurons are dead."""
    images, labels = digits()
    random = np.random.default_rng(4)
    site = random.choice(list("ABCD"), len(labels), p=[0.4, 0.3, 0.19, 0.11])
    wrong = random.random(len(labels)) < np.where(site == "D", share, 0.03)
    outputs = 5 * np.eye(10, dtype=np.float32)[np.where(wrong, (labels + 1) % 10, labels)]
    outputs += random.normal(scale=0.8, size=outputs.shape).astype(np.float32)
    state = State(
        labels,
        {"inputs": images, "labels": labels, "outputs": outputs, "columns": {"site": site.tolist()}},
        {"class_names": [str(digit) for digit in range(10)]},
    )
    moved = respond(state, 60)["body.2/relu"]
    moved += (site == "D")[:, None] * np.linspace(0, 1.5, WIDTHS["body.2/relu"], dtype=np.float32)
    if share > 0.1:
        moved[:, [3, 17, 40]] = 0
    state.activations = {"body.2/relu": moved}
    return state


def _opened(which: int) -> Act:
    def act(page: Page, tab: FrameLocator) -> None:
        tab.locator(".finding").nth(which).click()
        page.mouse.move(2, 2)

    return act


def _last(page: Page, tab: FrameLocator) -> None:
    tab.locator(".finding").last.click()
    page.mouse.move(2, 2)


def _hidden(page: Page, tab: FrameLocator) -> None:
    tab.locator(".finding .icon-button").nth(1).click()
    tab.get_by_role("button", name="show 1 hidden").click()
    page.mouse.move(2, 2)


def shots() -> list[Shot]:
    """The list, what findings rest on, and what was found in two runs; of texts and of many classes as well."""
    place: dict[str, object] = {"findings": [None, None]}
    return [
        Shot("finding said", link(run=RUN), narrow=True),
        Shot("findings", link(run=RUN, **place), narrow=True),
        Shot("finding opened, a slice", link(run=RUN, **place), _opened(0), narrow=True),
        Shot("finding opened, the last", link(run=RUN, **place), _last),
        Shot("findings, one hidden", link(run=RUN, **place), _hidden),
        Shot("findings of two runs", link(run=RUN, compare=[CURED, None], **place), _opened(1), narrow=True),
        Shot("findings of texts", link(run="questions", **place), _opened(0), narrow=True),
        Shot("findings of a hundred classes", link(run="hundred-classes", **place), _opened(0), narrow=True),
        Shot("findings, none", link(run="no-labels", **place)),
    ]
