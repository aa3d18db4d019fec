"""What one process would have logged, by plain hooks and numpy."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.summarize.sample import ranks
from tests.distributed.training import CLASSES, INSTANCES, LAYERS, Net, X, Y


def hooked(model: nn.Module, names: list[str], inputs: torch.Tensor = X) -> dict[str, np.ndarray]:
    """The outputs of modules, by plain hooks over all instances at once."""
    taken: dict[str, np.ndarray] = {}
    for name in names:
        model.get_submodule(name).register_forward_hook(
            lambda module, args, out, name=name: taken.update({name: out.detach().clone().numpy()})
        )
    with torch.no_grad():
        model.eval()(inputs)
    return taken


def expect_all(
    snapshot: SnapshotReader,
    *,
    sample: int = 11,
    texts: bool = False,
    models: Sequence[nn.Module] | None = None,
    prefix: str = "",
) -> None:
    """Summaries over all instances, and the sample of lowest hashes: as one process would have them.

    Arguments:
        models: of the processes that evaluate every n-th instance each; they may differ in the statistics of normalisations.
    """
    taken = [hooked(model, LAYERS) for model in models or [Net()]]
    raw = {name: np.stack([taken[row % len(taken)][name][row] for row in range(INSTANCES)]) for name in LAYERS}
    scores = np.exp(raw["head"].astype(np.float64))
    scores = (scores / scores.sum(axis=1, keepdims=True)).max(axis=1)
    label, prediction = Y.numpy(), raw["head"].argmax(axis=1)
    masks = [np.ones(INSTANCES, bool), *(label == index for index in range(CLASSES))]
    masks += [prediction == label, prediction != label, X[:, 0].numpy() > 1.5, scores < 0.5]
    assert snapshot.record.seen == INSTANCES
    assert [subset.count for subset in snapshot.record.subsets] == [mask.sum() for mask in masks]
    assert snapshot.record.metrics["accuracy"] == pytest.approx((prediction == label).mean())
    for name, values in raw.items():
        summary = snapshot.summary(prefix + name)
        assert (summary.count[:, 0] == [mask.sum() for mask in masks]).all()
        for index, mask in enumerate(masks):
            for field in ("mean", "std", "min", "max"):
                found, known = getattr(summary, field)[index], getattr(values[mask].astype(np.float64), field)(axis=0)
                np.testing.assert_allclose(found, known, rtol=1e-5, atol=1e-5)
    ids = [f"row {row}" for row in range(INSTANCES)] if texts else list(range(INSTANCES))
    order = np.argsort(ranks(ids))[:sample]
    found = snapshot.instances["id"].to_pylist()[: snapshot.record.sample_size]
    assert found == [ids[row] for row in order]
    for name, values in raw.items():
        kept = snapshot.activations(prefix + name)[: snapshot.record.sample_size]
        np.testing.assert_allclose(kept, values[order].astype(np.float16), rtol=1e-3, atol=1e-5)
    assert snapshot.instances["prediction"].to_pylist()[: len(order)] == prediction[order].tolist()
