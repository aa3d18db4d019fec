"""Which layers are recorded when nobody says which, by architecture and by name; and their values, against plain hooks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.architectures import INSTANCES, architectures
from tests.torch.older_names import installed_names


def _in_blocks(blocks: str, count: int, *names: str) -> list[str]:
    return [f"{blocks}.{block}.{name}" for block in range(count) for name in names]


def _encoder_decoder() -> list[str]:
    own = "self_attn/heads"
    return [
        *_in_blocks("model.encoder.layers", 2, own, "activation_fn"),
        *_in_blocks("model.decoder.layers", 2, own, "encoder_attn/heads", "activation_fn"),
    ]


def _two_towers() -> list[str]:
    names = "self_attn/heads", "mlp.activation_fn"
    return [
        *_in_blocks("vision_model.encoder.layers", 2, *names),
        *_in_blocks("text_model.encoder.layers", 3, *names),
    ]


DEFAULT = {
    "resnet": [
        "resnet.embedder",
        "resnet.encoder.stages.0.layers.0",
        "resnet.encoder.stages.0.layers.1",
        "resnet.encoder.stages.1.layers.0",
        "resnet.encoder.stages.1.layers.1",
        "classifier.1",
    ],
    "inception": [
        "Conv2d_1a_3x3",
        "Conv2d_2a_3x3",
        "Conv2d_2b_3x3",
        "Conv2d_3b_1x1",
        "Mixed_5b",
        "Mixed_5c",
        "Mixed_6a",
        "Mixed_6b",
        "fc",
    ],
    "mobilenet": ["features.0", "features.1", "features.2", "features.3", "features.4", "classifier.1"],
    "mobilenet of transformers": [
        "mobilenet_v2.conv_stem",
        *[f"mobilenet_v2.layer.{block}" for block in range(16)],
        "mobilenet_v2.conv_1x1",
        "classifier",
    ],
    "convnext": [
        "convnext.embeddings",
        "convnext.encoder.stages.0.layers.0",
        "convnext.encoder.stages.1.downsampling_layer.1",
        "convnext.encoder.stages.1.layers.0",
        "convnext.encoder.stages.1.layers.1",
        "convnext.layernorm",
        "classifier",
    ],
    "vit": ["vit.embeddings", "vit.layers.0", "vit.layers.1", "vit.layernorm", "classifier"],
    "swin": [
        "swin.embeddings",
        "swin.encoder.layers.0.blocks.0",
        "swin.encoder.layers.0.blocks.1",
        "swin.encoder.layers.0.downsample",
        "swin.encoder.layers.1.blocks.0",
        "swin.encoder.layers.1.blocks.1",
        "swin.layernorm",
        "classifier",
    ],
    "bert": [
        "bert.embeddings",
        "bert.encoder.layer.0",
        "bert.encoder.layer.1",
        "bert.encoder.layer.2",
        "bert.pooler",
        "classifier",
    ],
    "gpt2": ["transformer.wte", "transformer.h.0", "transformer.h.1", "transformer.h.2", "transformer.ln_f", "lm_head"],
    "gpt2 with a vocabulary of 9,000": [
        "transformer.wte",
        "transformer.h.0",
        "transformer.h.1",
        "transformer.h.2",
        "transformer.ln_f",
    ],
    "llama": [
        "model.embed_tokens",
        "model.layers.0",
        "model.layers.1",
        "model.layers.2",
        "model.norm",
        "lm_head",
    ],
    "qwen2": ["model.embed_tokens", "model.layers.0", "model.layers.1", "model.layers.2", "model.norm", "score"],
    "mixtral": ["model.embed_tokens", "model.layers.0", "model.layers.1", "model.layers.2", "model.norm", "lm_head"],
    "t5": [
        "encoder.embed_tokens",
        "encoder.block.0[0]",
        "encoder.block.1[0]",
        "encoder.final_layer_norm",
        "decoder.embed_tokens",
        "decoder.block.0[0]",
        "decoder.block.1[0]",
        "decoder.final_layer_norm",
        "lm_head",
    ],
    "whisper": [
        "model.encoder.conv1/gelu",
        "model.encoder.conv2/gelu",
        "model.encoder.layers.0",
        "model.encoder.layers.1",
        "model.encoder.layer_norm",
        "model.decoder.embed_tokens",
        "model.decoder.layers.0",
        "model.decoder.layers.1",
        "model.decoder.layer_norm",
        "proj_out",
    ],
    "mbart": [
        "model.encoder.embed_tokens",
        "model.encoder.layers.0",
        "model.encoder.layers.1",
        "model.encoder.layer_norm",
        "model.decoder.embed_tokens",
        "model.decoder.layers.0",
        "model.decoder.layers.1",
        "model.decoder.layer_norm",
        "lm_head",
    ],
    "squeezebert": [
        # It calls `forward` of its blocks itself, so that these run without hooks: the last module in each stands for it.
        "transformer.embeddings",
        "transformer.encoder.layers.0.output",
        "transformer.encoder.layers.1.output",
        "transformer.encoder.layers.2.output",
        "transformer.pooler",
        "classifier",
    ],
    "perceiver": [
        "perceiver.input_preprocessor[0]",
        "perceiver.encoder.cross_attention",
        "perceiver.encoder.self_attends.0",
        "perceiver.encoder.self_attends.1",
        "perceiver.encoder.self_attends.0@1",
        "perceiver.encoder.self_attends.1@1",
        "perceiver.decoder.decoder.decoding_cross_attention",
        "perceiver.decoder.decoder.final_layer",
    ],
    "clip": [
        "vision_model.embeddings",
        "vision_model.encoder.layers.0",
        "vision_model.encoder.layers.1",
        "vision_model.post_layernorm",
        "visual_projection",
        "text_model.embeddings",
        "text_model.encoder.layers.0",
        "text_model.encoder.layers.1",
        "text_model.encoder.layers.2",
        "text_model.final_layer_norm",
        "text_projection",
    ],
    "siglip": [
        "vision_model.embeddings",
        "vision_model.encoder.layers.0",
        "vision_model.encoder.layers.1",
        "vision_model.post_layernorm",
        "vision_model.head",
        "text_model.embeddings",
        "text_model.encoder.layers.0",
        "text_model.encoder.layers.1",
        "text_model.encoder.layers.2",
        "text_model.final_layer_norm",
        "text_model.head",
    ],
    "albert": [
        "albert.embeddings",
        "albert.encoder.embedding_hidden_mapping_in",
        "albert.encoder.albert_layer_groups.0",
        "albert.encoder.albert_layer_groups.0@1",
        "albert.encoder.albert_layer_groups.0@2",
        "albert.pooler_activation",
        "classifier",
    ],
    "blocks with dicts": ["embed", "blocks.0[x]", "blocks.1[x]", "blocks.2[x]", "head"],
    "experts": ["embed", "layers.0", "layers.1", "layers.2", "layers.3", "norm", "head"],
    "feature extractor": ["stem", "blocks.0", "blocks.1"],
    "lstm cell": ["cell@6[0]", "fc"],
    "gru cell": ["cell@6", "fc"],
    "two towers": ["user.1", "user.2", "item.1", "item.2", "/sum"],
    "vae": ["fc1/relu", "fc21", "fc22", "fc3/relu", "fc4"],
    "vae with three outputs": ["fc1/relu", "fc21", "fc22", "fc3/relu", "fc4"],
    "mlp": ["1", "4", "6"],
    "mlp with functions": ["fc1/relu", "fc2/relu", "fc3"],
}

#: Layers in blocks with attention: the heads, and what the last layer of an MLP reads.
INSIDE = {
    "vit": _in_blocks("vit.layers", 2, "attention/heads", "mlp.activation_fn"),
    "swin": [
        name
        for stage in range(2)
        for name in _in_blocks(f"swin.encoder.layers.{stage}.blocks", 2, "attention/heads", "mlp.activation_fn")
    ],
    "bert": _in_blocks("bert.encoder.layer", 3, "attention.self/heads", "intermediate.intermediate_act_fn"),
    "gpt2": _in_blocks("transformer.h", 3, "attn/heads", "mlp.act"),
    "gpt2 with a vocabulary of 9,000": _in_blocks("transformer.h", 3, "attn/heads", "mlp.act"),
    "llama": _in_blocks("model.layers", 3, "self_attn/heads", "mlp/mul"),
    "qwen2": _in_blocks("model.layers", 3, "self_attn/heads", "mlp/mul"),
    # Which experts run differs from token to token: their activations have no row per instance, and the router's scores have.
    "mixtral": _in_blocks("model.layers", 3, "self_attn/heads", "mlp.gate[0]"),
    "t5": [
        *_in_blocks("encoder.block", 2, "layer.0.SelfAttention/heads", "layer.1.DenseReluDense.act"),
        *_in_blocks(
            "decoder.block",
            2,
            "layer.0.SelfAttention/heads",
            "layer.1.EncDecAttention/heads",
            "layer.2.DenseReluDense.act",
        ),
    ],
    "whisper": _encoder_decoder(),
    "mbart": _encoder_decoder(),
    "squeezebert": _in_blocks("transformer.encoder.layers", 3, "attention.matmul_qkv/heads", "intermediate.act"),
    "perceiver": [
        "perceiver.encoder.cross_attention.attention.self/heads",
        *[
            f"perceiver.encoder.self_attends.{block}.{name}"
            for call in ("", "@1")
            for block in range(2)
            for name in (f"attention.self{call}/heads", f"mlp.intermediate_act_fn{call}")
        ],
        "perceiver.decoder.decoder.decoding_cross_attention.attention.self/heads",
    ],
    "clip": _two_towers(),
    "siglip": [*_two_towers(), "vision_model.head.attention/heads"],
    "albert": [
        f"albert.encoder.albert_layer_groups.0.albert_layers.0.{name}"
        for call in ("", "@1", "@2")
        for name in (f"attention{call}/heads", f"activation{call}")
    ],
}

#: Of these, heads that look at another sequence.
CROSS = ("EncDecAttention", "encoder_attn", "cross_attention", "vision_model.head")

#: What functions of the models give: of which modules' outputs.
FUNCTIONS: dict[str, dict[str, tuple[list[str], Callable[..., torch.Tensor]]]] = {
    "whisper": {
        "model.encoder.conv1/gelu": (["model.encoder.conv1"], nn.functional.gelu),
        "model.encoder.conv2/gelu": (["model.encoder.conv2"], nn.functional.gelu),
    },
    "two towers": {
        "/sum": (["user.2", "item.2"], lambda user, item: torch.cosine_similarity(user, item)[:, None]),
    },
    "vae": {"fc1/relu": (["fc1"], torch.relu), "fc3/relu": (["fc3"], torch.relu)},
    "vae with three outputs": {"fc1/relu": (["fc1"], torch.relu), "fc3/relu": (["fc3"], torch.relu)},
    "mlp with functions": {"fc1/relu": (["fc1"], torch.relu), "fc2/relu": (["fc2"], torch.relu)},
}

#: Layers whose output is [instances, neurons, positions]; of the others of three axes the last are the neurons.
CHANNELS_FIRST = {
    "model.encoder.conv1/gelu",
    "model.encoder.conv2/gelu",
    "transformer.encoder.layers.0.output",
    "transformer.encoder.layers.1.output",
    "transformer.encoder.layers.2.output",
}


def plain_outputs(model: nn.Module, inputs: dict[str, torch.Tensor], names: set[str]) -> dict[str, torch.Tensor]:
    """The outputs of these layers, by hooks that copy, in one pass over all instances."""
    outputs: dict[str, torch.Tensor] = {}
    calls: dict[str, int] = {}

    def hook(path: str) -> Callable[..., None]:
        def copy(module: nn.Module, args: Any, output: Any) -> None:
            call = calls[path] = calls.get(path, -1) + 1
            for name in names:
                key, _, part = name.removesuffix("]").partition("[")
                if key == (f"{path}@{call}" if call else path):
                    value = output
                    if part:
                        value = output[int(part) if part.isdigit() else part]
                    while not isinstance(value, torch.Tensor):
                        value = value[0]
                    outputs[name] = value.detach().clone()

        return copy

    paths = {name.partition("[")[0].partition("@")[0] for name in names}
    handles = [model.get_submodule(path).register_forward_hook(hook(path)) for path in paths]
    with torch.no_grad():
        model(**inputs)
    for handle in handles:
        handle.remove()
    return outputs


def expected_values(architecture: str, model: nn.Module, inputs: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """By layer, float64 [instances, neurons]: the mean over all other axes."""
    functions = FUNCTIONS.get(architecture, {})
    sources = {name for names, _ in functions.values() for name in names}
    names = installed_names(architecture, DEFAULT[architecture])
    outputs = plain_outputs(model, inputs, {*names, *sources} - set(functions))
    outputs |= {name: function(*(outputs[each] for each in names)) for name, (names, function) in functions.items()}
    values = {}
    for name in names:
        raw = outputs[name].double().numpy()
        if raw.ndim == 4 or name in CHANNELS_FIRST:
            raw = np.moveaxis(raw, 1, -1)
        values[name] = raw.reshape(len(raw), -1, raw.shape[-1]).mean(1)
    return values


def with_figures(names: list[str]) -> list[str]:
    """The names, with those of the figures of heads."""
    result = list(names)
    for name in names:
        if name.endswith("/heads"):
            cross = any(part in name for part in CROSS)
            figures = ("entropy", "first") if cross else ("entropy", "first", "previous", "self")
            result += [f"{name}[{figure}]" for figure in figures]
    return result


@pytest.mark.parametrize("kind", list(DEFAULT))
def test_default_layers_and_their_values(tmp_path: Path, kind: str) -> None:
    torch.manual_seed(0)
    architecture = architectures()[kind]
    model, inputs = architecture.make(), architecture.inputs()
    batches = [{key: value[start : start + 5] for key, value in inputs.items()} for start in range(0, INSTANCES, 5)]
    with ActiVisLogger(tmp_path, model, batches, task="none", strict=True) as logger:
        names = [layer.name for layer in logger.layers]
        default = installed_names(kind, DEFAULT[kind])
        inside = [name for name in names if name not in default]
        assert [name for name in names if name not in inside] == default
        assert sorted(inside) == sorted(with_figures(installed_names(kind, INSIDE.get(kind, []))))
        logger.log(0)
    snapshot = open_run(tmp_path).latest
    ids = np.asarray(snapshot.instances["id"])
    assert sorted(ids) == list(range(INSTANCES))
    for layer, values in expected_values(kind, model.eval(), inputs).items():
        activations = snapshot.activations(layer)
        assert activations.shape == values.shape, layer
        np.testing.assert_allclose(activations, values[ids], rtol=2e-3, atol=1e-4, err_msg=layer)
        np.testing.assert_allclose(snapshot.summary(layer).mean[0], values.mean(0), rtol=1e-3, atol=1e-5, err_msg=layer)


def test_a_vocabulary_is_left_out_and_the_snapshot_says_so(tmp_path: Path) -> None:
    architecture = architectures()["gpt2 with a vocabulary of 9,000"]
    model, inputs = architecture.make(), architecture.inputs()
    with ActiVisLogger(tmp_path, model, inputs, task="none", strict=True) as logger:
        logger.log(0)
    (note,) = open_run(tmp_path).latest.notes
    assert "more than 8,192 neurons" in note
    assert "lm_head (9,000)" in note
    with ActiVisLogger(tmp_path / "named", model, inputs, layers=["lm_head"], task="none", strict=True) as logger:
        assert [layer.neurons for layer in logger.layers] == [9000]


def test_every_architecture_is_in_the_table() -> None:
    assert list(DEFAULT) == list(architectures())
