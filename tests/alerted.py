"""What is told and written of a run whose neurons die twice, whatever framework logged it."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext

from tensorboard_activis import open_run
from tensorboard_activis.query.findings.finding import Finding


def check_told(told: Sequence[Finding], warned: Iterable[Any], run: Path, layer: str) -> None:
    """At the first step neurons of the layer are dead, at the second more: each is told once, of a kind one is a warning."""
    keys = [(one.kind, one.layer, one.subset, one.step) for one in told]
    assert len(set(keys)) == len(keys)
    opened = open_run(run)
    dead = [one for one in told if one.kind == "dead" and one.layer == layer]
    first, second = opened.steps[:2]
    assert {first, second} <= {one.step for one in dead}
    listed = {one.sentence for one in opened.findings()}
    assert all(one.sentence in listed for one in dead if one.step == second)
    assert all(one.sentence.startswith(f"{len(one.neurons):,} of ") for one in dead)
    for one in dead:
        assert not np.ptp(opened.snapshot(one.step).activations(layer)[:, list(one.neurons)], axis=0).any()
    messages = [str(one.message) for one in warned]
    kinds = [found[1] for found in (re.search(r"\(Said once for ([a-z-]+);", text) for text in messages) if found]
    assert sorted(set(kinds)) == sorted(kinds) == sorted({one.kind for one in told})
    assert next(one.sentence for one in told if one.kind == "dead") in "".join(messages)


def check_scalars(logdir: Path, run: Path, layer: str, beside: str) -> None:
    """TensorBoard's dashboards have the figures of the layer once for each step, and the scalars of the run's own writer.

    Arguments:
        logdir: that TensorBoard is given.
        beside: a tag of the run's own writer.
    """
    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(logdir))
    context = RequestContext()
    listed = provider.list_scalars(context, experiment_id="", plugin_name="scalars")
    names = {name for name, tags in listed.items() if any(tag.startswith("activis/") for tag in tags)}
    assert {Path(name).name for name in names} == {"activis"}
    (name,) = names
    assert any(tag.startswith(beside) for other, tags in listed.items() if other != name for tag in tags)
    read = provider.read_scalars(context, experiment_id="", plugin_name="scalars", downsample=1000)[name]
    opened = open_run(run)
    for figure in ("rms", "dead_share"):
        points = read[f"activis/{figure}/{layer}"]
        assert [point.step for point in points] == opened.steps  # nothing is written twice
        for point in points:
            activations = opened.snapshot(point.step).activations(layer).astype(np.float64)
            by_hand = {
                "rms": np.sqrt((activations**2).mean()),
                "dead_share": (np.ptp(activations, axis=0) == 0).mean(),
            }
            assert point.value == pytest.approx(by_hand[figure], rel=2e-3)
    assert len(read[f"activis/drift/{layer}"]) == len(opened.steps) - 1
