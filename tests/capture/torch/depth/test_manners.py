"""Prediction by depth changes nothing: no hook of the user's sees it, no random number is drawn, no weight and no flag changes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tensorboard_activis.torch import ActiVisLogger
from tests.capture.torch.depth.models import CASES
from tests.capture.torch.depth.test_readings import batches, data_of


def trained(where: Path, name: str, depth: bool) -> tuple[list[torch.Tensor], dict[str, int], list[float]]:
    """Two steps of training with a watched evaluation in between: weights, calls seen by the user's hooks, random numbers."""
    case = CASES[name]
    torch.manual_seed(1)
    model: Any = case.make()
    calls: dict[str, int] = {}

    def count(path: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            calls[path] = calls.get(path, 0) + 1

        return hook

    for path, module in model.named_modules():
        module.register_forward_hook(count(path))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = data_of(case)
    numbers = []
    with ActiVisLogger(where, model, strict=True, depth=depth) as activis:
        for step in range(2):
            model.train()
            output = model(**{key: values for key, values in data.items() if key != "labels"})
            (output if isinstance(output, torch.Tensor) else output[0]).float().square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            model.eval()
            with activis.watch(step) as watch, torch.no_grad():
                for batch in batches(data):
                    model(**{key: values for key, values in batch.items() if key != "labels"})
                    watch.batch(labels=batch["labels"])
            assert not any(module.training for module in model.modules())
            numbers.append(float(torch.rand(())))
    return [each.detach().clone() for each in model.parameters()], calls, numbers


@pytest.mark.parametrize("name", ["BERT", "GPT-2", "nn.TransformerEncoder"])
def test_training_is_bit_for_bit_as_without(name: str, tmp_path: Path) -> None:
    weights, calls, numbers = trained(tmp_path / "with", name, depth=True)
    others, other_calls, other_numbers = trained(tmp_path / "without", name, depth=False)
    assert all(torch.equal(one, other) for one, other in zip(weights, others, strict=True))
    assert (calls, numbers) == (other_calls, other_numbers)


def test_a_pass_that_fails_leaves_no_mode_and_no_hook(tmp_path: Path) -> None:
    case = CASES["nn.TransformerEncoder"]
    model: Any = case.make().eval()
    batch = batches(data_of(case))[0]
    inputs = {key: values for key, values in batch.items() if key != "labels"}
    modes = torch._C._len_torch_function_stack()
    with ActiVisLogger(tmp_path, model, strict=False) as activis:
        with pytest.warns(match="ActiVis"), activis.watch(1) as watch:
            model(**inputs)
            watch.batch(labels=batch["labels"])
            with pytest.raises(IndexError):
                model(inputs["input_ids"] + 1000, inputs["attention_mask"])
            raise_free = model(**inputs)
            watch.batch(labels=["not", "fitting"])
        assert raise_free.shape == (len(batch["labels"]), 3)
    assert torch._C._len_torch_function_stack() == modes
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
