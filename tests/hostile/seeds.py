"""Good runs that hostile ones are made from: every kind of content, arrays in events and in files."""

from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

from tensorboard_activis.blobs import Blob, event_files, scan
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.leftovers import side_files
from tests.positions import write_positions_run
from tests.records import small_data, small_graph, small_layers, write_run


@dataclass(frozen=True)
class Seed:
    """A good run: its blobs (graph, then snapshots), the bytes of its event file, and of its files by name."""

    name: str
    blobs: tuple[Blob, ...]
    events: bytes
    files: dict[str, bytes]


def seeds(directory: Path) -> list[Seed]:
    """Writes them below a directory, and reads them back."""
    data = small_data()
    with mock.patch("tensorboard_activis.write.arrays.INLINE_BYTES", 0):
        write_run(directory / "images", data, (1, 2), subsets={"sure": "score > 0.5"})
    write_run(directory / "inline", data, (3,), sample=9)
    with mock.patch("tensorboard_activis.write.arrays.INLINE_BYTES", 300):
        _with_texts(directory / "texts")
    _with_numbers(directory / "numbers")
    with (
        mock.patch("tensorboard_activis.write.arrays.INLINE_BYTES", 0),
        mock.patch("tensorboard_activis.capture.publication.MOST_EXACT", 2),
    ):
        write_run(directory / "packed", data, (1,), sample=5)
    write_positions_run(directory / "positions")
    return [_read(directory / name) for name in ("images", "inline", "texts", "numbers", "packed", "positions")]


def _with_texts(log_dir: Path) -> None:
    data = small_data(11, seed=1)
    log = Recorder(log_dir, small_graph(), small_layers(), class_names=["ant", "bee", "cat"], strict=True)
    with log.snapshot(4) as evaluation:
        for rows, pinned in ((slice(0, 9), False), (slice(9, 11), True)):
            count = rows.stop - rows.start
            evaluation.add(
                BatchRecord(
                    {name: values[rows] for name, values in data.activations.items()},
                    labels=data.labels[rows],
                    outputs=data.logits[rows],
                    ids=[f"id {index}" for index in range(rows.start, rows.stop)],
                    texts=[f"text {index} é" for index in range(count)],
                    columns={"length": np.arange(count), "kind": ["a", "b"] * (count // 2) + ["a"] * (count % 2)},
                    pinned=pinned,
                )
            )
    log.close()


def _with_numbers(log_dir: Path) -> None:
    data = small_data(13, seed=2)
    log = Recorder(log_dir, small_graph(), small_layers(), strict=True)
    with log.snapshot(5) as evaluation:
        evaluation.add(
            BatchRecord(
                data.activations,
                inputs=np.random.default_rng(3).normal(size=(13, 4)).astype(np.float32),
                labels=data.labels.astype(np.float32) / 2,
                outputs=data.logits[:, 0],
            )
        )
    log.close()


def _read(log_dir: Path) -> Seed:
    directory = log_dir / "activis"
    (events,) = event_files(directory)
    blobs = tuple(found for found in scan(events) if isinstance(found, Blob))
    files = {path.name: path.read_bytes() for path in side_files(directory)}
    return Seed(log_dir.name, blobs, events.read_bytes(), files)
