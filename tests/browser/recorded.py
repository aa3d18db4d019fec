"""Small runs of every task, and what the tab writes on its canvases."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Locator

from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tests.board import tensorboard
from tests.browser.reading import eventually
from tests.records import Data, small_data, small_graph, small_layers, write_run

#: In every frame: each canvas keeps the words that were last written on it, and where.
WORDS = """
const { clearRect, fillText } = CanvasRenderingContext2D.prototype;
CanvasRenderingContext2D.prototype.clearRect = function (...box) { this.canvas.words = []; clearRect.apply(this, box); };
CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
  this.canvas.words?.push([text, x, y]);
  fillText.call(this, text, x, y);
};
"""


def words(plot: Locator) -> list[str]:
    """What is written in a plot, on all of its canvases."""
    said: list[str] = plot.evaluate(
        "plot => [...plot.querySelectorAll('canvas')].flatMap(({words}) => (words ?? []).map(([text]) => text))"
    )
    return said


def pixels(canvas: Locator) -> np.ndarray:
    """Of a canvas, [height, width, 4]."""
    width, height, data = canvas.evaluate(
        """canvas => [canvas.width, canvas.height,
          Array.from(new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer))]"""
    )
    return np.array(data, np.uint32).view(np.uint8).reshape(height, width, 4)


def expect_redrawn(canvas: Locator, was: np.ndarray) -> None:
    """Waits until it is another picture than it was."""

    def check() -> None:
        assert not np.array_equal(pixels(canvas), was)

    eventually(canvas, check)


def data_of(labels: np.ndarray, outputs: np.ndarray) -> Data:
    """Random activations for these labels and outputs."""
    made = small_data(len(labels))
    return Data(made.ids, made.images, labels, outputs.astype(np.float32), made.activations)


def classes(count: int, instances: int, wrong: int = 0) -> Data:
    """The first `wrong` are taken for the class after their own, all the others are right; scores fall with the row."""
    labels = np.arange(instances) % count
    predicted = np.where(np.arange(instances) < wrong, (labels + 1) % count, labels)
    sure = np.linspace(9, 5, instances)[:, None]
    return data_of(labels, np.eye(count)[predicted] * sure)


def write_pictures(log_dir: Path) -> None:
    """A run of 23 pictures without labels and without outputs."""
    data = small_data(23)
    recorder = Recorder(log_dir, small_graph(), small_layers(), strict=True)
    with recorder.guard(3), recorder.snapshot(3) as evaluation:
        evaluation.add(BatchRecord(dict(data.activations), inputs=data.images, ids=data.ids.tolist(), channels="first"))
    recorder.close()


def write_tasks(log_dir: Path) -> None:
    """A run per task, and of few and many classes."""
    random = np.random.default_rng(0)
    target = np.linspace(-2, 3, 40)
    error = random.normal(scale=0.4, size=40)
    flags = np.eye(3, dtype=np.int64)[np.arange(30) % 3]
    numbers: dict[str, Any] = {"class_names": None}
    write_run(log_dir / "regression", data_of(target, target + error), **numbers)
    write_run(log_dir / "ranking", data_of(target, target + error), task="ranking", **numbers)
    write_run(log_dir / "multilabel", data_of(flags, flags * 4 - 2 + error[:30, None] * 6), task="multilabel")
    write_pictures(log_dir / "unlabelled")
    for count in (15, 30):
        names = [f"kind {index}" for index in range(count)]
        write_run(log_dir / f"{count}-classes", classes(count, 4 * count), class_names=names, sample=None)
    # Of class 0: 100 wrong and 500 right.
    crowd = np.zeros(600, np.int64)
    outputs = np.eye(2)[(np.arange(600) < 100).astype(int)] * np.linspace(9, 5, 600)[:, None]
    write_run(log_dir / "crowd", data_of(crowd, outputs), class_names=["much", "little"], sample=None, batch=600)
    texts = [f"<b>question {index}</b> of a user" for index in range(24)]
    write_run(log_dir / "texts", classes(3, 24, wrong=6), texts=texts)


@contextmanager
def tasks_board(log_dir: Path) -> Iterator[str]:
    """The address of a TensorBoard on these runs."""
    write_tasks(log_dir)
    with tensorboard(f"--logdir={log_dir}") as address:
        yield address
