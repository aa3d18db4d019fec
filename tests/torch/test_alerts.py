"""Findings are told while training, once, and never stop it; scalars are where TensorBoard's dashboards look for them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.query.findings.finding import Finding
from tensorboard_activis.torch import ActiVisLogger


def network(dead: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 4))
    with torch.no_grad():
        model[0].bias[:dead] = -100.0  # type: ignore[operator]
    return model.eval()


def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(60, 6, generator=generator), torch.randint(0, 4, (60,), generator=generator)


def test_each_finding_is_told_once_with_the_words_of_the_tab(tmp_path: Path):
    told: list[Finding] = []
    model = network()
    with ActiVisLogger(tmp_path, model, data(), on_finding=told.append) as activis:
        activis.log(1)
        first = [finding.title for finding in told if finding.kind == "dead"]
        activis.log(2)
        assert [finding.title for finding in told if finding.kind == "dead"] == first
        with torch.no_grad():
            model[0].bias[3:5] = -100.0  # type: ignore[operator]
        activis.log(3)
    dead = [finding for finding in told if finding.kind == "dead"]
    assert {finding.step for finding in dead} == {1, 3}
    assert [finding.neurons for finding in dead if finding.step == 3] == [(3, 4)] * sum(one.step == 3 for one in dead)
    assert any(
        finding.sentence == one.sentence for finding in open_run(tmp_path).findings() for one in dead if one.step == 3
    )


def test_one_warning_for_each_kind(tmp_path: Path):
    model = network()
    with ActiVisLogger(tmp_path, model, data(), alerts=True) as activis, pytest.warns(ActiVisWarning) as warned:
        activis.log(1)
        with torch.no_grad():
            model[0].bias[3:5] = -100.0  # type: ignore[operator]
        activis.log(2)
        activis.log(3)
    dead = [str(one.message) for one in warned if "Said once for dead" in str(one.message)]
    assert len(dead) == 1
    assert "3 of 12 neurons" in dead[0]


def test_a_function_that_raises_stops_nothing(tmp_path: Path):
    def broken(finding: object) -> None:
        raise RuntimeError("no network")

    with (
        ActiVisLogger(tmp_path, network(), data(), on_finding=broken, strict=True) as activis,
        pytest.warns(ActiVisWarning, match="on_finding raised RuntimeError: no network") as warned,
    ):
        activis.log(1)
        activis.log(2)
    assert len(warned) == 1
    assert open_run(tmp_path).steps == [1, 2]


def test_scalars_are_in_tensorboards_own_dashboards(tmp_path: Path):
    model = network()
    with ActiVisLogger(tmp_path, model, data(), scalars=True) as activis:
        for step in (10, 20):
            activis.log(step)
            with torch.no_grad():
                model[0].weight += torch.randn_like(model[0].weight)  # type: ignore[operator, arg-type]
    (path,) = (tmp_path / "activis").glob("*tfevents*")
    accumulator = EventAccumulator(str(path)).Reload()
    tags = accumulator.Tags()["tensors"]
    layer = open_run(tmp_path).latest.layers[next(iter(open_run(tmp_path).latest.layers))].name
    for figure in ("dead_share", "rms", "effective_rank", "drift"):
        assert f"activis/{figure}/{layer}" in tags
        metadata = accumulator.SummaryMetadata(f"activis/{figure}/{layer}")
        assert metadata.plugin_data.plugin_name == "scalars"
    run = open_run(tmp_path)
    activations = run.snapshot(10).activations(layer).astype(np.float64)
    for tag, expected in (
        ("rms", np.sqrt((activations**2).mean())),
        ("dead_share", (activations.max(axis=0) <= 0).mean()),
    ):
        events = accumulator.Tensors(f"activis/{tag}/{layer}")
        assert [event.step for event in events] == [10, 20]
        assert events[0].tensor_proto.float_val[0] == pytest.approx(expected, rel=1e-3)
    assert [event.step for event in accumulator.Tensors(f"activis/drift/{layer}")] == [20]


def test_without_the_keywords_nothing_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tensorboard_activis.alerts.alerts.Alerts.__call__", None)
    with ActiVisLogger(tmp_path, network(), data()) as activis:
        activis.log(1)
    (path,) = (tmp_path / "activis").glob("*tfevents*")
    assert set(EventAccumulator(str(path)).Reload().Tags()["tensors"]) == {"activis/graph", "activis/snapshot"}


def test_wrong_values_are_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="on_finding must be a function"):
        ActiVisLogger(tmp_path, network(), data(), on_finding="mail")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="alerts must be True or False"):
        ActiVisLogger(tmp_path, network(), data(), alerts="yes")  # type: ignore[arg-type]


def test_a_logger_that_goes_on_with_a_run_looks_at_the_steps_before(tmp_path: Path):
    """Their files, and its own, lie beside the events; a warning would be an error here."""
    model = network()
    for step in (1, 2):
        with ActiVisLogger(tmp_path, model, data(), scalars=True) as activis:
            activis.log(step)
    events = EventAccumulator(str(tmp_path / "activis")).Reload()
    drifts = [tag for tag in events.Tags()["tensors"] + events.Tags()["scalars"] if tag.startswith("activis/drift/")]
    assert drifts
