"""Pictures for the gallery of a run that was thinned: sixteen steps, of which five keep the activations of their instances."""

from pathlib import Path

from playwright.sync_api import FrameLocator, Page

from scripts.gallery_runs import State, digits, write
from scripts.gallery_shots import Shot
from scripts.tab import link
from tensorboard_activis.alerts.published import after_snapshot

RUN = "thinned"
STEPS = range(20, 340, 20)


def write_thinned(log_dir: Path) -> None:
    """The digits, logged with `keep=5`."""
    images, labels = digits()
    keep = after_snapshot({"on_finding": None, "alerts": False, "scalars": False, "keep": 5})
    options = {"class_names": [str(digit) for digit in range(10)], "on_published": keep}
    write(log_dir / RUN, State(labels, {"inputs": images, "labels": labels}, options, steps=STEPS))


def thinned_step(page: Page, tab: FrameLocator) -> None:
    """From the newest step, which is whole, to the one before it."""
    tab.get_by_role("slider", name="Training step").press("ArrowLeft")


def shots() -> list[Shot]:
    """The thinned step, with and without what was drawn before."""
    return [
        Shot("thinned step", link(run=RUN), thinned_step, narrow=True),
        Shot("thinned step opened", link(run=RUN, step=STEPS[-2], layers=["body.1/relu"]), narrow=True),
    ]
