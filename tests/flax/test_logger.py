"""The Flax logger, against plain calls of the layers, by instance id."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flax", reason="Flax is not installed")

import jax
import jax.numpy as jnp
from flax import nnx

from tensorboard_activis import open_run
from tensorboard_activis.capture.run_directory import RunDirectory
from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tensorboard_activis.flax import ActiVisLogger
from tests.flax.networks import Convolutions, Reader

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(70, 11, 9, 3)).astype("float32")
LABELS = RANDOM.integers(0, 4, 70)
CONVOLUTIONS = ["conv1", "norm", "conv2", "/relu_1", "head"]


def logged(tmp_path: Path, model: Any, data: Any, **options: Any) -> Any:
    """The snapshot of one pass, with faults raised."""
    with ActiVisLogger(tmp_path, model, data, **{"strict": True, "sample": None, **options}) as logger:
        logger.log(1)
    return open_run(tmp_path).latest


def equal(snapshot: Any, layer: str, by_id: Any) -> None:
    """Compares the activations of a layer with [instances, neurons] in the order of the ids."""
    rows = np.asarray(snapshot.instances["id"])
    np.testing.assert_allclose(snapshot.activations(layer).astype(float), np.asarray(by_id)[rows], rtol=2e-3, atol=1e-3)


def state_of(model: Any) -> list[Any]:
    """All variables of a model, the keys and counters of its random numbers included, and its flags."""
    leaves = jax.tree.leaves(nnx.state(model))
    arrays = [np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x) for x in leaves]
    return [*arrays, model.dropout.deterministic, model.norm.use_running_average]


@pytest.mark.parametrize("reducer", ["mean", "max", "std", "first", "last"])
def test_activations_are_those_of_plain_calls(tmp_path, reducer):
    model = Convolutions(nnx.Rngs(0))
    snapshot = logged(tmp_path, model, (IMAGES, LABELS), layers=CONVOLUTIONS, reducer=reducer)
    reduce = {
        "mean": lambda each: each.mean(1),
        "max": lambda each: each.max(1),
        "std": lambda each: each.std(1),
        "first": lambda each: each[:, 0],
        "last": lambda each: each[:, -1],
    }[reducer]
    for layer, values in model.by_hand(IMAGES).items():
        flat = np.asarray(values).reshape(70, -1, values.shape[-1])
        equal(snapshot, layer, flat[:, 0] if layer == "head" else reduce(flat))
    assert [layer.info.feeds_relu for layer in snapshot.layers.values()] == [False, True, True, False, False]


def test_statistics_are_over_all_instances_and_the_sample_is_some(tmp_path):
    model = Convolutions(nnx.Rngs(0))
    snapshot = logged(tmp_path, model, (IMAGES, LABELS), layers=["head"], sample=20, class_names=list("abcd"))
    logits = np.asarray(model.by_hand(IMAGES)["head"])
    summary = snapshot.summary("head")
    assert (snapshot.record.seen, snapshot.record.sample_size) == (70, 20)
    np.testing.assert_allclose(summary.mean[0], logits.mean(0), atol=1e-5)
    np.testing.assert_allclose(summary.std[0], logits.std(0), atol=1e-5)
    of_b = list(summary.subsets).index("b")
    np.testing.assert_allclose(summary.max[of_b], logits[LABELS == 1].max(0), atol=1e-5)
    rows = np.asarray(snapshot.instances["id"])
    np.testing.assert_array_equal(snapshot.column("prediction"), logits.argmax(1)[rows])
    assert snapshot.record.metrics["accuracy"] == pytest.approx((logits.argmax(1) == LABELS).mean())


def tokens(instances: int) -> dict[str, Any]:
    lengths = RANDOM.integers(1, 9, instances)
    mask = np.arange(8) < lengths[:, None]
    return {
        "input_ids": np.where(mask, RANDOM.integers(1, 50, (instances, 8)), 0),
        "attention_mask": mask,
        "labels": RANDOM.integers(0, 3, instances),
    }


def test_masks_calls_of_a_shared_module_and_sizes_that_coincide(tmp_path):
    """As many instances as positions as neurons, in batches of unequal size; the last one is smaller."""
    model, batches = Reader(nnx.Rngs(1)), [tokens(8), tokens(8), tokens(3)]
    snapshot = logged(tmp_path, model, batches, layers=["embed", "rnn*", "shared", "shared@1", "blocks.2"])
    ids = np.concatenate([each["input_ids"] for each in batches])
    mask = np.concatenate([each["attention_mask"] for each in batches])
    embedded = np.asarray(model.embed.embedding[...])[ids]
    attention = nnx.make_attention_mask(jnp.asarray(mask), jnp.asarray(mask))
    x = jnp.asarray(embedded)
    for block in model.blocks:
        x = block(x, attention)
    carry, steps = model.rnn(x, seq_lengths=mask.sum(1))
    first = model.shared(carry)

    def real_mean(values: Any) -> Any:
        return np.where(mask[:, :, None], values, 0).sum(1) / mask.sum(1)[:, None]

    equal(snapshot, "embed", real_mean(embedded))
    equal(snapshot, "blocks.2", real_mean(np.asarray(x)))
    equal(snapshot, "rnn[0]", carry)
    equal(snapshot, "shared", first)
    equal(snapshot, "shared@1", model.shared(jnp.tanh(first)))
    assert snapshot.layers["shared@1"].info.shape.sizes == (-1, 8)
    assert steps.shape == (19, 8, 8)
    with ActiVisLogger(tmp_path / "named", model, batches) as logger:  # train=False: no noise is added
        nodes = {node.key: node for node in logger.graph.nodes}
        assert {"/input_ids", "/attention_mask"} <= set(nodes)
        assert nodes["shared"].calls == 2
        assert {(edge.source, edge.target) for edge in logger.graph.edges} >= {
            ("/input_ids", "embed"),
            ("embed", "blocks.0.norm"),
            ("shared", "/tanh"),
            ("/tanh", "shared@1"),
        }


def test_default_layers_are_blocks_their_activations_and_logits(tmp_path):
    with ActiVisLogger(tmp_path, Reader(nnx.Rngs(1)), [tokens(5)]) as logger:
        names = [layer.name for layer in logger.layers]
    blocks = [name for index in range(3) for name in (f"blocks.{index}", f"blocks.{index}/gelu")]
    assert names == ["embed", *blocks, "rnn[0]", "/tanh", "shared@1", "head"]


def trained(model: Any, logger: Any = None) -> list[Any]:
    """The state of a model after twenty steps, with a snapshot after every fifth."""

    @nnx.jit
    def step(model: Any, images: Any, labels: Any) -> None:
        def loss(model: Any) -> Any:
            return -jax.nn.log_softmax(model(images)["logits"])[jnp.arange(10), labels].mean()

        gradients = nnx.grad(loss)(model)
        values = nnx.state(model, nnx.Param)
        nnx.update(model, jax.tree.map(lambda value, gradient: value - 0.1 * gradient, values, gradients))

    model.train()
    for number in range(20):
        rows = slice(number % 7 * 10, number % 7 * 10 + 10)
        step(model, IMAGES[rows], LABELS[rows])
        if logger is not None and number % 5 == 0:
            logger.log(number)
    return state_of(model)


def test_training_is_bit_identical(tmp_path):
    """Parameters, batch statistics, and keys and counters of random numbers: dropout draws them while training."""
    alone, model = trained(Convolutions(nnx.Rngs(0))), Convolutions(nnx.Rngs(0))
    with ActiVisLogger(tmp_path, model, (IMAGES, LABELS), strict=True) as logger:
        beside = trained(model, logger)
    assert len(alone) == len(beside) > 12
    for one, other in zip(alone, beside, strict=True):
        np.testing.assert_array_equal(one, other)
    assert list(open_run(tmp_path).steps) == [0, 5, 10, 15]


def test_a_log_leaves_no_trace_in_the_model(tmp_path):
    model = Convolutions(nnx.Rngs(0))
    model.train()
    before, types = state_of(model), [type(module) for _, module in nnx.iter_modules(model)]
    attributes = [set(vars(module)) for _, module in nnx.iter_modules(model)]
    logged(tmp_path, model, (IMAGES, LABELS))
    for one, other in zip(before, state_of(model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [type(module) for _, module in nnx.iter_modules(model)] == types
    assert [set(vars(module)) for _, module in nnx.iter_modules(model)] == attributes


class Weighing(nnx.Module):
    """One number per instance, of inputs by name."""

    def __init__(self, rngs: Any) -> None:
        self.dense = nnx.Linear(2, 1, rngs=rngs)

    def __call__(self, height: Any, width: Any) -> Any:
        return self.dense(jnp.stack([height, width], 1))[:, 0]


def test_regression_of_named_features(tmp_path):
    height, width = RANDOM.normal(size=(2, 30)).astype("float32")
    model = Weighing(nnx.Rngs(3))
    data = {"height": height, "width": width, "target": height * 2 - 0.3}
    snapshot = logged(tmp_path, model, [data], columns={"even": [n % 2 == 0 for n in range(30)]})
    prediction = np.asarray(model(height, width))
    rows = np.asarray(snapshot.instances["id"])
    assert snapshot.record.task == "regression"
    np.testing.assert_allclose(snapshot.column("prediction"), prediction[rows], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(snapshot.instances["height"], height[rows])
    assert snapshot.instances["even"].to_pylist() == [row % 2 == 0 for row in rows]
    assert snapshot.record.metrics["loss"] == pytest.approx(
        ((prediction - data["target"]) ** 2).mean(), rel=1e-5, abs=1e-5
    )


def test_inputs_alone_are_recorded_without_a_task(tmp_path):
    snapshot = logged(tmp_path, nnx.Linear(3, 5, rngs=nnx.Rngs(0)), jnp.ones((7, 3)))
    assert (snapshot.record.task, snapshot.record.seen) == ("none", 7)
    assert snapshot.activations(next(iter(snapshot.layers))).shape == (7, 5)


def test_shuffled_data_are_identified_by_content(tmp_path):
    """Every pass has another order; the ids and what goes with them are the same."""

    class Shuffled:
        def __iter__(self) -> Any:
            order = random.sample(range(70), 70)
            for start in range(0, 70, 32):
                rows = order[start : start + 32]
                yield IMAGES[rows], LABELS[rows]

    random.seed(4)
    expected = random.Random(4).random()
    with ActiVisLogger(tmp_path, Convolutions(nnx.Rngs(0)), Shuffled(), strict=True, sample=25) as logger:
        logger.log(0)
        logger.log(1)
    assert random.random() == expected
    first, second = open_run(tmp_path).snapshot(0), open_run(tmp_path).snapshot(1)
    assert first.instances["id"].to_pylist() == second.instances["id"].to_pylist()
    np.testing.assert_allclose(first.activations("head"), second.activations("head"), atol=1e-2)


def test_pinned_instances_and_a_reducer_of_ones_own(tmp_path):
    def spread(values: Any, mask: Any) -> Any:
        assert mask is None
        return values.max(2) - values.min(2)

    model = Convolutions(nnx.Rngs(0))
    snapshot = logged(
        tmp_path,
        model,
        (IMAGES, LABELS),
        layers=["conv*"],
        reducer={"conv2": spread},
        pinned=(IMAGES[:3] + 1, LABELS[:3]),
    )
    assert [layer.info.reducer for layer in snapshot.layers.values()] == ["mean", "spread"]
    conv2 = np.asarray(model.by_hand(IMAGES[:3] + 1)["conv2"]).reshape(3, -1, 7)
    np.testing.assert_allclose(
        snapshot.activations("conv2")[70:].astype(float), np.ptp(conv2, axis=1), rtol=2e-3, atol=1e-5
    )
    assert (snapshot.record.seen, snapshot.record.pinned) == (70, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "a text"}, r"model must be a flax\.nnx\.Module; got a str"),
        ({"data": iter([IMAGES])}, "can be read only once"),
        ({"data": []}, "data is empty"),
        ({"data": (IMAGES, LABELS[:5])}, "70 inputs and 5 labels"),
        ({"data": 7}, "data must be batches that can be gone through again"),
        ({"data": (IMAGES[..., :2], LABELS)}, r"in conv1 \(Conv\), which got \(70, 11, 9, 2\) float32"),
        ({"layers": ["conv9"]}, "layers: 'conv9' matches none"),
        ({"layers": "conv1"}, r"write \['conv1'\]"),
        ({"reducer": "median"}, "reducer must be one of"),
        ({"reducer": {"conv9": "max"}}, "'conv9' matches none of the recorded layers"),
        ({"class_names": ["a"]}, "class_names has 1 names"),
        ({"data": (IMAGES, LABELS + 1)}, "There is a label 4, but the model tells 4 classes apart"),
        ({"unpack": 3}, "unpack must be a function of a batch"),
        ({"texts": "no"}, "texts must be a function of a batch"),
        ({"id": [1, 2]}, "id has 2 values, but data holds 70 instances"),
        ({"task": "ranking"}, "ranking"),
        ({"pinned": []}, "pinned is empty"),
    ],
)
def test_wrong_arguments_are_refused_before_training(tmp_path, arguments, message):
    given = {"model": Convolutions(nnx.Rngs(0)), "data": (IMAGES, LABELS), **arguments}
    with pytest.raises(ConfigurationError, match=message):
        ActiVisLogger(tmp_path, **given)
    RunDirectory(tmp_path).close()  # it was released


class Faulty:
    """Data that fail in every pass but the first."""

    def __init__(self) -> None:
        self.passes = 0

    def __iter__(self) -> Any:
        self.passes += 1
        yield IMAGES, LABELS
        if self.passes > 1:
            raise OSError("the disk is gone")


def test_an_error_while_logging_is_a_warning_unless_strict(tmp_path):
    logger = ActiVisLogger(tmp_path / "kind", Convolutions(nnx.Rngs(0)), Faulty())
    with pytest.warns(ActiVisWarning, match=r"lost the snapshot of step 3.*the disk is gone"):
        logger.log(3)
    logger.close()
    logger = ActiVisLogger(tmp_path / "strict", Convolutions(nnx.Rngs(0)), Faulty(), strict=True)
    with pytest.raises(OSError, match="the disk is gone"):
        logger.log(3)
    logger.close()
    assert not list((tmp_path / "kind" / "activis").glob("*.safetensors"))


class Compiled(nnx.Module):
    """Its call is compiled by the user, a part of it is computed again in the backward pass, and another runs in a loop."""

    def __init__(self, rngs: Any) -> None:
        self.first = nnx.Linear(4, 6, rngs=rngs)
        self.last = nnx.Linear(6, 3, rngs=rngs)
        self.step = nnx.Linear(6, 6, rngs=rngs)

    @nnx.jit
    def __call__(self, x: Any) -> Any:
        x = nnx.remat(lambda module, value: jnp.tanh(module(value)))(self.first, x)
        x = jax.lax.fori_loop(0, 2, lambda _, value: self.step(value), x)
        return self.last(x)


def test_modules_in_compiled_parts_are_seen(tmp_path):
    model, x = Compiled(nnx.Rngs(0)), RANDOM.normal(size=(9, 4)).astype("float32")
    snapshot = logged(tmp_path, model, x, layers=["first", "last"])
    equal(snapshot, "first", model.first(jnp.asarray(x)))
    equal(snapshot, "last", model(x))
    with pytest.raises(ConfigurationError, match="'step'.*did not run"):
        ActiVisLogger(tmp_path / "other", model, x, layers=["step"])
