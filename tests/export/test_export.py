"""`tensorboard-activis export`: what is in the folder, against the log, numpy and what the routes answer."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from tensorboard_activis import cli, open_run
from tests.export.exported import Exported
from tests.records import small_data
from tests.serve.client import Client


def test_the_files(whole: Exported) -> None:
    names = {path.name for path in whole.directory.iterdir()}
    assert names == {"index.html", "tab.js", "manifest.js", "NOTICES.txt", "data", "content"}
    page = (whole.directory / "index.html").read_text()
    assert "default-src 'none'" in page
    assert "://" not in page
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["data:,", "manifest.js", "tab.js"]
    listed = set(whole.manifest["packs"].values())
    assert {f"data/{path.name}" for path in (whole.directory / "data").iterdir()} == listed
    assert whole.directory.stat().st_mode & 0o555 == 0o555  # a server of another user can read it


def test_the_manifest_names_steps_and_layers_and_no_path(whole: Exported, logdir: Path) -> None:
    assert whole.manifest["name"] == "run1"
    assert whole.manifest["layers"] == ["stem/relu", "head"]
    assert [step["step"] for step in whole.manifest["run"]["steps"]] == [5, 6]
    assert whole.manifest["left_out"] == []
    assert str(logdir).encode() not in whole.everything()


def test_activations_are_those_of_the_log(whole: Exported, logdir: Path) -> None:
    snapshot = open_run(logdir / "run1").snapshot(6)
    for place, layer in enumerate(("stem/relu", "head")):
        found = np.frombuffer(whole.pack(f"layer/6/{place}")["activations"], "<f2")
        expected = snapshot.activations(layer)
        assert np.array_equal(found.reshape(expected.shape[::-1]).T, expected)


def test_means_are_those_of_the_data(whole: Exported) -> None:
    data = small_data()
    matrix = load(whole.pack("layer/5/1")["matrix"])
    names = [subset["name"] for subset in json.loads(whole.pack("step/5")["snapshot"])["subsets"]]
    for name, of in (("all", slice(None)), ("bee", data.labels == 1)):
        values = data.activations["head"][of]
        assert matrix["mean"][names.index(name)] == pytest.approx(values.mean(axis=0), abs=1e-5)
        assert matrix["std"][names.index(name)] == pytest.approx(values.std(axis=0), abs=1e-5)


def test_every_instance_has_its_row_its_picture_and_its_details(whole: Exported, logdir: Path) -> None:
    snapshot = open_run(logdir / "run1").snapshot(5)
    rows = json.loads(whole.pack("step/5")["table"])["rows"]
    assert [row["id"] for row in rows] == snapshot.instances.column("id").to_pylist()
    assert [row["row"] for row in rows] == list(range(17))
    assert [row["note/1"] for row in rows] == snapshot.instances.column("note/1").to_pylist()
    assert len(whole.manifest["contents"]["5"]) == 17
    for index, name in enumerate(whole.manifest["contents"]["5"]):
        assert (whole.directory / name).read_bytes() == snapshot.content(index)[1]
    for index in range(17):
        detail = json.loads(whole.pack("instances/5/1/0")[str(index)])
        assert detail["id"] == rows[index]["id"]


def test_what_equal_steps_share_is_there_once(whole: Exported) -> None:
    assert whole.manifest["contents"]["5"] == whole.manifest["contents"]["6"]
    assert len(list((whole.directory / "content").iterdir())) == 17
    packs = whole.manifest["packs"]
    assert packs["layer/5/0"] == packs["layer/6/0"]
    assert packs["step/5"] != packs["step/6"]


def test_other_answers_are_those_of_the_routes(whole: Exported, logdir: Path) -> None:
    client = Client(logdir)
    at: dict[str, Any] = {"run": "run1", "step": 5}
    step, layer = whole.pack("step/5"), whole.pack("layer/5/0")
    assert step["columns"] == client.get("columns", **at).get_data()
    assert step["depth_history"] == client.get("depth_history", **at).get_data()
    assert step[r'where "label == \"bee\""'] == client.get("where", **at, expression='label == "bee"').get_data()
    assert layer["pca"] == client.get("projection", **at, layer="stem/relu").get_data()
    layer |= whole.pack("concepts/5/0")
    for route in ("subset", "effects", "concept"):
        expected = client.get(route, **at, layer="stem/relu", row={"subset": "bee"}).get_data()
        assert layer[f'{route} {{"subset":"bee"}}'] == expected
    about: dict[str, Any] = {"layer": "stem/relu", "method": "direction", "row": {"subset": "bee"}}
    assert layer['direction {"subset":"bee"}'] == client.get("projection", **at, **about).get_data()


def test_chosen_steps_and_layers_only(logdir: Path, tmp_path: Path) -> None:
    run = ["export", str(logdir / "run1"), str(tmp_path / "out"), "--layers", "head"]
    assert cli.main(run) == 0
    found = Exported(tmp_path / "out")
    assert found.manifest["name"] == "run1"
    assert [step["step"] for step in found.manifest["run"]["steps"]] == [6]
    assert {name.rpartition("/")[0] for name in found.manifest["packs"] if name.startswith(("layer", "neurons"))} == {
        "layer/6",
        "neurons/6/0",
    }
    step = found.pack("step/6")
    assert [layer["name"] for layer in json.loads(step["snapshot"])["layers"]] == ["head"]
    (expected,) = [
        strip
        for name, strip in load(Client(logdir).get("strips", run="run1", step=6).get_data()).items()
        if name == "1"
    ]
    strips = load(step["strips"])
    assert set(strips) == {"0", "0/state"}
    assert np.array_equal(strips["0"], expected)


def test_the_same_run_gives_the_same_files(logdir: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert cli.main(["export", str(logdir), str(tmp_path / name), "--layers", "head"]) == 0
    one, two = (
        {path.relative_to(base): path.read_bytes() for path in base.rglob("*") if path.is_file()}
        for base in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two


def test_what_leaves_is_listed_before_anything_is_written(
    logdir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tensorboard_activis.export.command.Collection.collect", stop)
    assert cli.main(["export", str(logdir), str(tmp_path / "out")]) == 130
    said = capsys.readouterr().out
    assert said.splitlines() == [
        "This leaves the machine with the export of run1:",
        "  the model's graph; step 6 (1 of 2); all 2 layers",
        "  the ids of 17 instances, their labels, predictions, scores, losses, and their activations",
        "  names of classes: ant, bee, cat",
        "  your columns: size, note/1",
        "  17 images, as they were logged",
        "Not in it: other runs, paths, names of this machine.",
    ]
    assert not (tmp_path / "out").exists()
