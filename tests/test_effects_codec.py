"""Lies about effects in a snapshot's record are found, and cost nothing else."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import codec


def _numbers(dtype: str, shape: tuple[int, ...]) -> pb.Array:
    return pb.Array(dtype=dtype, shape=shape, inline=bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize))


def _with_effects(change: Callable[[pb.Effects], object]) -> bytes:
    """A snapshot of 3 kept instances and a layer of 4 neurons, with effects on 2 errors, of which 1 was tried."""
    layer = pb.LayerEffects(layer="a", gradient=_numbers("float32", (2, 4)), product=_numbers("float32", (2, 4)))
    tried = {"neurons": ("int32", (1, 5)), "alone": ("float32", (1, 5)), "together": ("float32", (1,))}
    for name, form in tried.items():
        getattr(layer, name).CopyFrom(_numbers(*form))
    effects = pb.Effects(instances=_numbers("int32", (2,)), wrong=3, layers=[layer])
    effects.tried.CopyFrom(_numbers("int32", (1,)))
    effects.before.CopyFrom(_numbers("float32", (1,)))
    change(effects)
    snapshot = pb.Snapshot(seen=3, sample_size=3, subsets=[pb.Subset()], effects=effects)
    statistics = {name: _numbers("float32", (1, 4)) for name in ("mean", "std", "min", "max")}
    summary = pb.Summary(count=_numbers("int64", (1, 4)), **statistics)
    snapshot.layers.add(name="a", neurons=4, activations=_numbers("float16", (3, 4)), summary=summary)
    return snapshot.SerializeToString()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda it: it.instances.CopyFrom(_numbers("int64", (2,))), "instances of effects of '' is int64"),
        (lambda it: it.instances.CopyFrom(_numbers("int32", (4,))), r"shape \(4,\); 3 instances were kept"),
        (lambda it: it.instances.CopyFrom(_numbers("int32", (2, 1))), r"shape \(2, 1\); 3 instances"),
        (lambda it: setattr(it, "wrong", 1), "2 errors, of 1 wrong instances"),
        (lambda it: setattr(it, "wrong", 4), "of 4 wrong instances; 3 were kept"),
        (lambda it: setattr(it, "wrong", -1), "of -1 wrong instances"),
        (lambda it: it.ClearField("instances"), "instances of effects have shape"),
        (lambda it: it.ClearField("before"), "type ''"),
        (lambda it: setattr(it.layers[0], "layer", "b"), "the layer 'b', which was not recorded or came before"),
        (lambda it: it.layers.append(it.layers[0]), "the layer 'a', which was not recorded or came before"),
        (lambda it: it.layers[0].gradient.CopyFrom(_numbers("float32", (2, 3))), "gradient of effects of 'a' is"),
        (lambda it: it.layers[0].gradient.CopyFrom(_numbers("float16", (2, 4))), "gradient of effects of 'a' is"),
        (lambda it: it.layers[0].product.CopyFrom(_numbers("float32", (1, 4))), "product of effects of 'a' is"),
        (lambda it: it.layers[0].neurons.CopyFrom(_numbers("int32", (1, 900))), "900 neurons of layer 'a' were tried"),
        (lambda it: it.layers[0].neurons.CopyFrom(_numbers("int32", (1,))), "0 neurons of layer 'a' were tried"),
        (lambda it: it.layers[0].neurons.CopyFrom(_numbers("int32", (2, 5))), "neurons of effects of 'a' is"),
        (lambda it: it.layers[0].alone.CopyFrom(_numbers("float32", (1, 4))), "alone of effects of 'a' is"),
        (lambda it: it.layers[0].ClearField("together"), "together of effects of 'a' has type"),
        (lambda it: it.layers[0].gradient.files.append("../x.safetensors"), "not a name that we write"),
    ],
)
def test_lies_about_effects_cost_the_effects_and_nothing_else(
    change: Callable[[pb.Effects], object], message: str
) -> None:
    true = codec.decode_snapshot(_with_effects(lambda it: None))
    assert true.effects is not None
    assert not true.effects_problem
    decoded = codec.decode_snapshot(_with_effects(change))
    assert decoded.effects is None
    assert re.search(message, decoded.effects_problem), decoded.effects_problem
    assert decoded.layers == true.layers
