"""Sequences, a small language model, and what plain hooks give of every real token."""

import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis.read.snapshot import SnapshotReader

IGNORED = -100
needs_transformers = pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="needs transformers")


def sentences(lengths: list[int], words: int, seed: int, *, left: bool = False) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    size = max(lengths)
    ids = torch.randint(5, words, (len(lengths), size), generator=generator)
    mask = torch.arange(size) < torch.tensor(lengths)[:, None]
    mask = mask.flip(1) if left else mask
    return {"input_ids": torch.where(mask, ids, 0), "attention_mask": mask.long()}


def plain(model: nn.Module, batches: list[dict[str, torch.Tensor]], layers: list[str]) -> dict[str, dict[str, Any]]:
    """By id: activations of the layers, logits, token and place, of hooks on a model that is given each sequence by itself."""
    found: dict[str, dict[str, Any]] = {}
    kept: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        def hook(module: Any, args: Any, output: Any) -> None:
            kept[name] = output[0] if isinstance(output, tuple) else output

        return hook

    handles = [model.get_submodule(name).register_forward_hook(keep(name)) for name in layers]
    number = 0
    for batch in batches:
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"].bool(), strict=True):
            with torch.no_grad():
                logits = model(input_ids=ids[mask][None]).logits[0]
            for place, token in enumerate(ids[mask].tolist()):
                found[f"{number}:{place}"] = {
                    "token": token,
                    "position": place,
                    "sequence": number,
                    "logits": logits[place],
                    **{name: kept[name][0, place].numpy().copy() for name in layers},
                }
            number += 1
    for handle in handles:
        handle.remove()
    return found


def check_layers(snapshot: SnapshotReader, found: Mapping[str, Mapping[str, Any]], layers: list[str]) -> None:
    ids = snapshot.instances["id"].to_pylist()
    assert len(set(ids)) == len(ids) == min(len(found), snapshot.record.sample_size)
    assert snapshot.record.seen == len(found)
    for layer in layers:
        expected = np.stack([found[one][layer] for one in ids])
        np.testing.assert_allclose(snapshot.activations(layer), expected, rtol=2e-3, atol=2e-3)
        everything = np.stack([one[layer] for one in found.values()]).astype(np.float64)
        summary = snapshot.summary(layer, 1)
        np.testing.assert_allclose(summary.mean[0], everything.mean(0), rtol=1e-3, atol=2e-5)
        np.testing.assert_allclose(summary.std[0], everything.std(0), rtol=1e-3, atol=2e-5)
        np.testing.assert_allclose(summary.max[0], everything.max(0), rtol=1e-3, atol=2e-5)


def gpt() -> Any:
    import transformers

    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=61, n_positions=32, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    return transformers.GPT2LMHeadModel(config).eval()


GPT_LAYERS = ["transformer.h.0.mlp.act", "transformer.h.1"]
