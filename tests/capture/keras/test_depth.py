"""What is read after each block is what the model's own layers give by hand, by instance id."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from tensorboard_activis import open_run
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.keras import ActiVisCallback
from tensorboard_activis.query.snapshot import Snapshot
from tensorboard_activis.read.arrays import read_array

INSTANCES, LENGTH, WIDTH, TOKENS, CLASSES, BLOCKS = 21, 8, 6, 30, 3, 3
RANDOM = np.random.default_rng(7)


class Block(layers.Layer):
    """A block of a transformer, the norm before."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True
        self.norms = [layers.LayerNormalization(), layers.LayerNormalization()]
        self.attention = layers.MultiHeadAttention(2, 3)
        self.up, self.down = layers.Dense(10, activation="gelu"), layers.Dense(WIDTH)

    def call(self, x: Any, causal: bool = False) -> Any:
        seen = self.norms[0](x)
        x = x + self.attention(seen, seen, use_causal_mask=causal)
        return x + self.down(self.up(self.norms[1](x)))


class Subclassed(keras.Model):
    """A classifier, or a language model whose head is its embedding, written with `call`."""

    def __init__(self, language: bool = False, skip: bool = False) -> None:
        super().__init__()
        self.embed = layers.Embedding(TOKENS, WIDTH)
        self.blocks = [Block(name=f"block{index}") for index in range(BLOCKS)]
        self.norm = layers.LayerNormalization()
        if not language:
            self.head = layers.Dense(CLASSES)
        self.language, self.skip = language, skip

    def call(self, ids: Any) -> Any:
        first = x = self.embed(ids)
        for block in self.blocks:
            x = block(x, causal=self.language)
        x = x + first if self.skip else x
        return self.tail(x)

    def tail(self, x: Any) -> Any:
        x = self.norm(x)
        return ops.matmul(x, ops.transpose(self.embed.embeddings)) if self.language else self.head(x[:, 0])


@dataclass
class Case:
    """A model, and by hand what the outputs of its blocks are and what its tail makes of one."""

    model: keras.Model
    blocks: keras.Model | Callable[[Any], Any]
    tail: Callable[[Any], Any]
    next: bool = False
    data: str = "tokens"


def flat(norm: str) -> Case:
    """A functional model without layers of layers, its norm before or after attention and MLP."""
    ids = keras.Input((LENGTH,), dtype="int32")
    x, outputs = layers.Embedding(TOKENS, WIDTH)(ids), []
    for _ in range(BLOCKS):
        for branch in ("attention", "mlp"):
            seen = layers.LayerNormalization()(x) if norm == "before" else x
            if branch == "attention":
                added = layers.MultiHeadAttention(2, 3)(seen, seen)
            else:
                added = layers.Dense(WIDTH)(layers.Dense(10, activation="gelu")(seen))
            x = layers.Add()([x, added])
            x = layers.LayerNormalization()(x) if norm == "after" else x
        outputs.append(x)
    tail = [layers.LayerNormalization()] if norm == "before" else []
    tail += [layers.GlobalAveragePooling1D(), layers.Dense(CLASSES, activation="softmax", name="probabilities")]
    return Case(keras.Model(ids, run(tail, x)), keras.Model(ids, outputs), lambda row: run(tail, row))


def run(each: list[Any], x: Any) -> Any:
    for layer in each:
        x = layer(x)
    return x


def functional(language: bool) -> Case:
    ids = keras.Input((LENGTH if language else None,), dtype="int32")
    x, outputs = layers.Embedding(TOKENS, WIDTH, mask_zero=not language)(ids), []
    for index in range(BLOCKS):
        x = Block(name=f"block{index}")(x, causal=language)
        outputs.append(x)
    tail = [layers.LayerNormalization(), *([] if language else [layers.GlobalAveragePooling1D()])]
    tail.append(layers.Dense(TOKENS if language else CLASSES))
    return Case(keras.Model(ids, run(tail, x)), keras.Model(ids, outputs), lambda row: run(tail, row), language)


def subclassed(language: bool) -> Case:
    model = Subclassed(language)
    model(np.ones((2, LENGTH), "int32"))

    def blocks(ids: Any) -> list[Any]:
        x, outputs = model.embed(ids), []
        for block in model.blocks:
            x = block(x, causal=language)
            outputs.append(x)
        return outputs

    return Case(model, blocks, model.tail, language)


def numbers() -> Case:
    """Residual blocks over instances without tokens, one number for two classes."""

    class Residual(layers.Layer):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.inner = layers.Dense(WIDTH, activation="relu")
            self.outer = layers.Dense(WIDTH)

        def call(self, x: Any) -> Any:
            return x + self.outer(self.inner(x))

    given = keras.Input((5,))
    x, outputs = layers.Dense(WIDTH)(given), []
    for index in range(BLOCKS):
        x = Residual(name=f"residual{index}")(x)
        outputs.append(x)
    tail = [layers.LayerNormalization(), layers.Dense(1, activation="sigmoid")]
    return Case(
        keras.Model(given, run(tail, x)), keras.Model(given, outputs), lambda row: run(tail, row), data="numbers"
    )


CASES: dict[str, Callable[[], Case]] = {
    "flat, norm before": lambda: flat("before"),
    "flat, norm after": lambda: flat("after"),
    "functional, padded": lambda: functional(False),
    "functional language model": lambda: functional(True),
    "subclassed": lambda: subclassed(False),
    "subclassed language model": lambda: subclassed(True),
    "without tokens": numbers,
}
EVERY_TIME = ("flat, norm before", "functional, padded", "subclassed language model", "without tokens")


def data_of(case: Case) -> tuple[np.ndarray, np.ndarray]:
    if case.data == "numbers":
        return RANDOM.normal(size=(INSTANCES, 5)).astype("float32"), RANDOM.integers(0, 2, INSTANCES)
    ids = RANDOM.integers(1, TOKENS, (INSTANCES, LENGTH))
    lengths = RANDOM.integers(3, LENGTH + 1, (INSTANCES, 1))
    inside = np.arange(LENGTH) < lengths
    if not case.next:
        return np.where(inside, ids, 0), RANDOM.integers(0, CLASSES, INSTANCES)
    return ids, np.where(inside, ids, -100)


def logged(log_dir: Path, model: keras.Model, x: Any, y: Any, **options: Any) -> Snapshot:
    callback = ActiVisCallback(log_dir, x, y, batch_size=9, strict=True, **options)
    callback.set_model(model)
    callback.log(0)
    callback.close()
    return open_run(log_dir).latest


def arrays(snapshot: Snapshot) -> dict[str, np.ndarray]:
    depth = snapshot.record.depth
    assert depth is not None, snapshot.notes
    names = ("top", "score", "rank", "label", "right")
    return {name: read_array(snapshot._directory, getattr(depth, name)) for name in names}


def shares(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    result: np.ndarray = powers / powers.sum(-1, keepdims=True)
    return result


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in EVERY_TIME else pytest.mark.nightly) for name in CASES]
)
def test_readings_are_those_by_hand(tmp_path: Path, name: str) -> None:
    case = CASES[name]()
    x, y = data_of(case)
    snapshot = logged(tmp_path, case.model, x, y)
    read = arrays(snapshot)
    rows = case.blocks(ops.convert_to_tensor(x)) if callable(case.blocks) else case.blocks(x)
    mask = keras.ops.convert_to_tensor(x != 0) if name == "functional, padded" else None
    expected = []
    for row in rows:
        if mask is not None:
            row._keras_mask = mask
        expected.append(np.asarray(ops.convert_to_numpy(case.tail(row))))
    logits, labels = np.stack(expected, 1), y
    if case.next:
        last = (y >= 0).sum(1) - 1
        each = np.arange(INSTANCES)
        logits, labels = logits[each, :, last - 1], y[each, last]
    if case.data == "numbers":
        probabilities = np.concatenate([1 - logits, logits], 2)
    else:
        probabilities = logits if "flat" in name else shares(logits)
    ids = np.asarray(snapshot.instances["id"])
    most = min(5, probabilities.shape[2])
    order = np.argsort(-probabilities, axis=2, kind="stable")
    np.testing.assert_array_equal(read["top"][..., :most], order[ids][..., :most])
    np.testing.assert_allclose(
        read["score"][..., :most], np.take_along_axis(probabilities, order, 2)[ids][..., :most], atol=2e-3
    )
    ranks = 1 + (order == labels[:, None, None]).argmax(2)
    np.testing.assert_array_equal(read["rank"], ranks[ids])
    np.testing.assert_array_equal(read["label"], labels[ids])
    np.testing.assert_allclose(read["right"], (ranks == 1).mean(0))
    assert snapshot.record.depth is not None
    assert len(snapshot.record.depth.layers) == BLOCKS
    assert snapshot.record.depth.token == ("next" if case.next else "")


def test_metrics_of_the_same_pass(tmp_path: Path) -> None:
    case = functional(False)
    case.model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    x, y = data_of(case)
    snapshot = logged(tmp_path / "scored", case.model, x, y, logs=True)
    plain = logged(tmp_path / "plain", case.model, x, y)
    for name, values in arrays(plain).items():
        np.testing.assert_allclose(arrays(snapshot)[name], values, atol=1e-3)


def test_a_tail_that_takes_something_else(tmp_path: Path) -> None:
    model = Subclassed(skip=True)
    x, y = data_of(functional(False))
    model(x[:2])
    snapshot = logged(tmp_path, model, x, y)
    assert snapshot.record.depth is None
    note, padding = snapshot.notes
    assert "runs of token 0" in padding  # which the model is not told of
    assert "Prediction by depth is not recorded" in note
    assert "'block2'" in note
    assert "'embedding" in note


def test_no_depth_where_it_is_not_wanted_or_there_is_none(tmp_path: Path) -> None:
    case = functional(False)
    x, y = data_of(case)
    assert logged(tmp_path / "off", case.model, x, y, depth=False).record.depth is None
    assert logged(tmp_path / "regression", case.model, x, y, task="none").notes == ()
    single = keras.Sequential([keras.Input((LENGTH,)), layers.Dense(4), layers.Dense(CLASSES)])
    snapshot = logged(tmp_path / "single", single, x, y)
    assert (snapshot.record.depth, snapshot.notes) == (None, ())
    with pytest.raises(ConfigurationError, match="depth must be True or False"):
        ActiVisCallback(tmp_path / "no", x, depth="yes")  # type: ignore[arg-type]
