"""`--no-content`: no picture, no text and nothing of a column of texts gets into the folder, in whatever answer."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from tensorboard_activis import cli, open_run
from tests.export.exported import Exported
from tests.records import small_data, write_run

WORD = "xylophone"


def test_pictures_and_texts_of_columns_stay(
    logdir: Path, whole: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert b"secret" in whole.everything()
    assert cli.main(["export", str(logdir), str(tmp_path / "out"), "--no-content"]) == 0
    found = Exported(tmp_path / "out")
    assert b"secret" not in found.everything()
    assert b"note/1" not in found.everything()
    assert not (found.directory / "content").exists()
    assert not [name for name in found.manifest["packs"] if name.startswith("content/")]
    step = found.pack("step/6")
    assert json.loads(step["snapshot"])["content"] is None
    assert "size" in json.loads(step["table"])["rows"][0]
    assert "size" in load(step["columns"])
    said = capsys.readouterr().out
    assert "Not in it: no images; nothing of the columns note/1; other runs" in said
    assert "17 images" not in said


def test_ids_that_are_texts_and_words_in_expressions_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File names and what subsets look for tell what the instances are; numbers link an instance over layers and steps."""
    ids = np.array([f"{WORD}-{i}.png" for i in range(30)], object)
    note = [f"{WORD} of ward {i}" for i in range(30)]
    subsets = {"some": f'contains(note, "{WORD}")', "one": f'id == "{WORD}-3.png"', "low": "score < 0.6"}
    write_run(tmp_path / "run", replace(small_data(30), ids=ids), (5, 6), columns={"note": note}, subsets=subsets)
    for name, options in (("with", []), ("without", ["--no-content"])):
        assert cli.main(["export", str(tmp_path / "run"), str(tmp_path / name), "--step", "5", "6", *options]) == 0
    assert WORD.encode() in Exported(tmp_path / "with").everything()
    found = Exported(tmp_path / "without")
    assert WORD.encode() not in found.everything()
    known = open_run(tmp_path / "run").snapshot(5).instances["id"].to_pylist()
    number = {name: place for place, name in enumerate(known)}
    for step in ("5", "6"):
        pack = found.pack(f"step/{step}")
        rows = json.loads(pack["table"])["rows"]
        expected = open_run(tmp_path / "run").snapshot(int(step)).instances["id"].to_pylist()
        assert [int(row["id"]) for row in rows] == [number[one] for one in expected]
        columns = load(pack["columns"])
        ends, data = columns["id.offsets"], columns["id.bytes"].tobytes()
        assert [int(data[a:b]) for a, b in pairwise(ends)] == [int(row["id"]) for row in rows]
        declared = {one["name"]: one["expression"] for one in json.loads(pack["snapshot"])["subsets"]}
        assert (declared["some"], declared["low"]) == ('withheld("some")', "score < 0.6")
        # Where the page looks for the members of a subset.
        assert len(load(pack[f"where {json.dumps(declared['some'])}"])["indices"]) == 30
        assert len(load(pack[f"where {json.dumps(declared['one'])}"])["indices"]) == 1
    assert "Not in it: no images; no ids, which are texts; nothing of the columns note" in capsys.readouterr().out


def test_texts_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [f"{WORD} number {i}" for i in range(17)]
    write_run(tmp_path / "run", small_data(), (5,), texts=texts, subsets={"some": "score < 0.6"})
    for name, options in (("with", []), ("without", ["--no-content"])):
        assert cli.main(["export", str(tmp_path / "run"), str(tmp_path / name), *options]) == 0
    assert WORD.encode() in Exported(tmp_path / "with").everything()
    assert WORD.encode() not in Exported(tmp_path / "without").everything()
    chunk = Exported(tmp_path / "with").pack("content/5/0")
    assert sorted(content.decode() for content in chunk.values()) == sorted(texts)
    said = capsys.readouterr().out
    assert "  17 texts in full" in said
    assert "Not in it: no texts; nothing of the columns text; other runs" in said
    assert "  names and expressions of your subsets: some" in said
