"""Several processes have the effects that one has; a model that is spread over them is refused in words."""

from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.torch import ActiVisLogger
from tests.distributed.effects_training import INSTANCES, LAYERS, OPTIONS, model
from tests.distributed.launch import torchrun
from tests.torch.effects import errors_of, images


def test_several_processes_have_the_effects_of_one(tmp_path: Path) -> None:
    torchrun(Path(__file__).with_name("effects_training.py"), 2, str(tmp_path))
    with ActiVisLogger(tmp_path / "one", model(), images(INSTANCES), **OPTIONS) as activis:
        activis.log(1)
    one = open_run(tmp_path / "one").latest
    for name in ("own", "watched"):
        several = open_run(tmp_path / name).latest
        assert set(one.notes) <= set(several.notes)
        for layer in LAYERS:
            ours, theirs = one.gradient_effects(layer), several.gradient_effects(layer)
            assert errors_of(one, layer).tolist() == errors_of(several, layer).tolist()
            assert ours.rows.size == 15
            assert ours.wrong == theirs.wrong
            np.testing.assert_allclose(ours.gradient, theirs.gradient, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(ours.product, theirs.product, rtol=1e-3, atol=1e-4)
            ours_tried, theirs_tried = one.tried_effects(layer), several.tried_effects(layer)
            for a, b in zip(ours_tried, theirs_tried, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
    sharded = open_run(tmp_path / "sharded").latest
    assert sharded.activations("hidden").shape == (50, 7)
    with pytest.raises(NotFoundError, match="No effects were recorded"):
        sharded.gradient_effects("hidden")
    assert "no effects are measured, because the model's parameters are spread" in (tmp_path / "said-0").read_text()
    assert not (tmp_path / "said-1").read_text()
