"""Where in the input, through Lightning: its own pass and its watched validation give what plain hooks see, by instance id."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

if importlib.util.find_spec("lightning") is None:
    pytest.skip("needs lightning", allow_module_level=True)

import lightning.pytorch as pl

from tensorboard_activis import open_run
from tensorboard_activis.lightning import ActiVisCallback
from tests.small_lightning import IGNORED_WARNINGS, trainer
from tests.torch.sequences import IGNORED, check_layers
from tests.torch.test_peaks import check

pytestmark = [
    *IGNORED_WARNINGS,
    pytest.mark.filterwarnings("ignore:Trying to infer the .batch_size. from an ambiguous collection"),
]

LAYERS, ROWS = ["embed", "mix", "head"], 19


def collated(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Rows of different lengths, padded on the left in every other batch, with padding that is no zero."""
    size, left = max(len(row["ids"]) for row in rows), rows[0]["number"] % 2
    batch = {
        "input_ids": torch.full((len(rows), size), 7),
        "attention_mask": torch.zeros(len(rows), size, dtype=torch.int64),
        "labels": torch.full((len(rows), size), IGNORED),
    }
    for at, row in enumerate(rows):
        place = slice(size - len(row["ids"]), size) if left else slice(0, len(row["ids"]))
        batch["input_ids"][at, place] = row["ids"]
        batch["attention_mask"][at, place] = 1
        batch["labels"][at, place] = row["labels"]
    return batch


def rows() -> list[dict[str, Any]]:
    generator = torch.Generator().manual_seed(4)
    made = []
    for number in range(ROWS):
        ids = torch.randint(0, 30, (int(torch.randint(1, 12, (), generator=generator)),), generator=generator)
        made.append({"number": number, "ids": ids, "labels": torch.where(ids % 5 == 0, IGNORED, ids % 3)})
    return made


class Tagger(pl.LightningModule):
    """Every token by itself, so that padding changes nothing; half of the labels of a batch may be ignored."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.mix, self.drop = nn.Embedding(30, 6), nn.Linear(6, 7), nn.Dropout(0.5)
        self.head = nn.Linear(7, 3)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(self.drop(self.mix(self.embed(input_ids)).tanh()))
        return result

    def loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        scores = self(batch["input_ids"], batch["attention_mask"])
        return nn.functional.cross_entropy(scores.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED)

    def training_step(self, batch: dict[str, torch.Tensor], index: int) -> torch.Tensor:
        return self.loss(batch)

    def validation_step(self, batch: dict[str, torch.Tensor], index: int) -> None:
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 0.01)


def outputs(model: Any) -> list[dict[str, np.ndarray]]:
    """By row and layer [positions, neurons], of hooks on the trained model, which is given each row by itself."""
    found: list[dict[str, np.ndarray]] = []
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda module, args, output, name=name: found[-1].update({name: output[0].numpy().copy()})
        )
        for name in LAYERS
    ]
    model.eval()
    with torch.no_grad():
        for row in rows():
            found.append({})
            model(row["ids"][None], torch.ones(1, len(row["ids"])))
    for handle in handles:
        handle.remove()
    return found


def trained(where: Path, own: bool, model: Tagger | None = None, **options: Any) -> Any:
    """Trains a tagger for two epochs with the callback; the loader of the validation is watched, or ours is run."""
    loader: Any = DataLoader(rows(), 4, collate_fn=collated)  # type: ignore[arg-type]
    given = (loader,) if own else ()
    callback = ActiVisCallback(*given, log_dir=where / "run", layers=LAYERS, strict=True, **options)
    model = model or Tagger()
    trainer(where, callback).fit(model, DataLoader(rows(), 5, collate_fn=collated), loader)  # type: ignore[arg-type]
    assert open_run(where / "run").steps == [4, 8]
    return model


@pytest.mark.parametrize("own", [False, True])
def test_peaks_and_maps(tmp_path: Path, own: bool) -> None:
    model = trained(tmp_path, own, id=[100 + number for number in range(ROWS)], reducer="max", sample=17)
    snapshot = open_run(tmp_path / "run").latest
    found = outputs(model)
    for layer in LAYERS:
        assert snapshot.position_sizes(layer) == (-1,)
        check(snapshot, layer, {100 + number: row[layer].T for number, row in enumerate(found)})


@pytest.mark.parametrize("own", [False, True])
def test_tokens_as_instances(tmp_path: Path, own: bool) -> None:
    model = trained(tmp_path, own, id=[f"row {number}" for number in range(ROWS)], unit="position", sample=40)
    snapshot = open_run(tmp_path / "run").latest
    found: dict[str, dict[str, Any]] = {}
    for row, layers in zip(rows(), outputs(model), strict=True):
        for place in range(len(row["ids"])):
            values = {name: torch.from_numpy(each[place]) for name, each in layers.items()}
            label = int(row["labels"][place])
            found[f"row {row['number']}:{place}"] = {**values, "label": label, "token": int(row["ids"][place])}
    check_layers(snapshot, found, LAYERS)
    labelled = [one for one in found.values() if one["label"] >= 0]
    for row in snapshot.instances.to_pylist():
        own_values = found[row["id"]]
        assert row["token"] == str(own_values["token"])
        assert row["label"] == (None if own_values["label"] < 0 else own_values["label"])
        assert row["prediction"] == int(own_values["head"].argmax())
    losses = [nn.functional.cross_entropy(one["head"], torch.tensor(one["label"])).item() for one in labelled]
    assert snapshot.record.metrics["loss"] == pytest.approx(np.mean(losses), rel=1e-4, abs=1e-5)
    right = [int(one["head"].argmax()) == one["label"] for one in labelled]
    assert snapshot.record.metrics["accuracy"] == pytest.approx(np.mean(right))
    counts = {subset.name: subset.count for subset in snapshot.record.subsets}
    assert [counts[str(kind)] for kind in range(3)] == [
        sum(one["label"] == kind for one in found.values()) for kind in range(3)
    ]


class Unmasked(Tagger):
    """A tagger that is told of no padding."""

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(input_ids, input_ids)

    def loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        scores = self(batch["input_ids"])
        return nn.functional.cross_entropy(scores.flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED)


@pytest.mark.parametrize("own", [False, True])
def test_padding_that_no_mask_tells_is_said(tmp_path: Path, own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    masked, whole = collated, {len(row["ids"]) for row in rows()}

    def unmasked(batch: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        made = masked([{**row, "ids": row["ids"] % 20 + 8, "number": 1} for row in batch])
        return {name: made[name] for name in ("input_ids", "labels")}

    monkeypatch.setitem(globals(), "collated", unmasked)
    trained(tmp_path, own, Unmasked(), unit="position")
    widths = [max(len(row["ids"]) for row in rows()[start : start + 4]) for start in range(0, ROWS, 4)]
    sizes = [widths[number // 4] for number in range(ROWS)]
    padding = sum(sizes) - sum(len(row["ids"]) for row in rows())
    assert len(whole) > 3
    (note,) = [note for note in open_run(tmp_path / "run").latest.notes if "looks like padding" in note]
    assert f"{padding} of {sum(sizes)} positions" in note
    assert "runs of token 7" in note
    assert "that begin" in note
    assert "have a label" not in note
