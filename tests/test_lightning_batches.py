"""The batches of a Lightning validation in any form: pairs, dicts, dataclasses, objects, and what functions of a batch get."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

if importlib.util.find_spec("lightning") is None:
    pytest.skip("needs lightning", allow_module_level=True)

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tests.lightning_witness import Witness, activis, expect
from tests.small_lightning import IGNORED_WARNINGS, Module, X, Y, loader, train, trainer

pytestmark = IGNORED_WARNINGS


@dataclass
class Pair:
    x: torch.Tensor
    y: torch.Tensor


class Opaque:
    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.pair = x, y


def collated(form: Any, rows: int = 19) -> Any:
    """Batches of a form; the last one has a single instance unless told otherwise."""

    def collate(chosen: Any) -> Any:
        x, y = zip(*chosen, strict=True)
        return form(torch.stack(x), torch.stack(y))

    return DataLoader(TensorDataset(X[:rows], Y[:rows]), 6, collate_fn=collate)


FORMS: dict[str, tuple[Any, Any, Any]] = {
    # what makes a batch of inputs and labels, how a step gets them back, and unpack=
    "pair": (lambda x, y: (x, y), lambda batch: batch, None),
    "dict": (lambda x, y: {"x": x, "label": y}, lambda batch: (batch["x"], batch["label"]), None),
    "dataclass": (Pair, lambda batch: (batch.x, batch.y), None),
    "object": (Opaque, lambda batch: batch.pair, lambda batch: batch.pair),
    "three": (lambda x, y: (x, y, y * 0), lambda batch: batch[:2], lambda batch: batch[:2]),
    "nested": (
        lambda x, y: {"image": x, "target": {"class": y, "box": x[:, :4]}},
        lambda batch: (batch["image"], batch["target"]["class"]),
        lambda batch: (batch["image"], batch["target"]["class"]),
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_batches(tmp_path: Path, name: str) -> None:
    make, split, unpack = FORMS[name]

    class Formed(Module):
        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return super().training_step(list(split(batch)), index)

        def validation_step(self, batch: Any, index: int) -> None:
            self(split(batch)[0])

    witness = Witness()
    made = trainer(tmp_path, activis(tmp_path, unpack=unpack), witness)
    made.fit(Formed(), collated(make, 18), collated(make))
    snapshot = open_run(tmp_path).latest
    assert snapshot.record.seen == 19
    expect(snapshot, witness.weights[6], X[:19], Y[:19])


@pytest.mark.parametrize("checks", [2, 0])
def test_a_batch_of_an_unknown_form(tmp_path: Path, checks: int) -> None:
    class Unknown(Module):
        def validation_step(self, batch: Any, index: int) -> None:
            self(batch.pair[0])

    made = trainer(tmp_path, activis(tmp_path, strict=False), num_sanity_val_steps=checks)
    if checks:
        with pytest.raises(ConfigurationError, match="unpack="):
            made.fit(Unknown(), loader(), collated(Opaque))
        assert made.global_step == 0
    else:
        with pytest.warns(ActiVisWarning, match="unpack="):
            made.fit(Unknown(), loader(), collated(Opaque))
        assert made.global_step == 8


def test_functions_of_a_batch_get_it_as_the_step_does(tmp_path: Path) -> None:
    class Moved(Module):
        def on_after_batch_transfer(self, batch: Any, index: int) -> Any:
            return [batch[0] + 1, batch[1], torch.arange(len(batch[0])) + 100 * batch[0][:, 0].long()]

    callback = activis(
        tmp_path,
        unpack=lambda batch: batch[:2],
        id=lambda batch: [f"{row:.4f}" for row in batch[0][:, 0].tolist()],
        columns=lambda batch: {"third": batch[2].tolist()},
    )
    witness = Witness()
    train(tmp_path, Moved(), callback, witness)
    snapshot = open_run(tmp_path).latest
    inputs, labels = witness.tensors(8)
    torch.testing.assert_close(inputs, X + 1)
    names = [f"{row:.4f}" for row in inputs[:, 0].tolist()]
    expect(snapshot, witness.weights[8], inputs, labels, ids=names)
    third = torch.cat([batch[2] for batch in witness.batches[8, 0]]).tolist()
    assert [third[names.index(one)] for one in snapshot.instances["id"].to_pylist()] == snapshot.instances[
        "third"
    ].to_pylist()
