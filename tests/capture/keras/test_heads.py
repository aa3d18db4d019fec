"""Heads of Keras's attention layers, by instance id, against the scores that the layers themselves return when asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tensorboard_activis import open_run
from tensorboard_activis.capture.keras.attention import figures
from tensorboard_activis.keras import ActiVisCallback
from tensorboard_activis.query.snapshot import Snapshot
from tests.capture.head_shares import shares_of_heads

RANDOM = np.random.default_rng(5)
INSTANCES, LENGTH = 21, 9


def padded(length: int = LENGTH, tokens: int = 40) -> np.ndarray:
    ids = RANDOM.integers(1, tokens, (INSTANCES, length))
    ids[np.arange(length) >= RANDOM.integers(2, length + 1, (INSTANCES, 1))] = 0
    return ids


def logged(log_dir: Path, model: keras.Model, x: Any, **options: Any) -> Snapshot:
    callback = ActiVisCallback(log_dir, x, batch_size=8, strict=True, **options)
    callback.set_model(model)
    callback.log(0)
    callback.close()
    return open_run(log_dir).latest


def numpy(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def norms(attention: Any, value: Any, shares: np.ndarray, real: np.ndarray | None) -> np.ndarray:
    """The mean over real positions of the norm of each head's output: [instances, heads]."""
    values = numpy(value if isinstance(attention, layers.Attention) else attention._value_dense(value))
    if values.ndim == 3:
        values = values[:, :, None]
    values = values.reshape(len(values), -1, *values.shape[-2:])
    values = np.repeat(values, shares.shape[1] // values.shape[2], axis=2)
    lengths = np.linalg.norm(np.einsum("bnts,bsnh->btnh", shares, values), axis=3)
    weights = np.ones(lengths.shape[:2]) if real is None else real.astype(float)
    result: np.ndarray = np.einsum("btn,bt->bn", lengths, weights) / weights.sum(1)[:, None]
    return result


def encoder(attend: Callable[..., Any], attention: Any, *, mask_zero: bool = True) -> tuple[keras.Model, keras.Model]:
    """A text classifier with one attention, and a model that gives what this one looks at."""
    ids = keras.Input((LENGTH,), dtype="int32")
    embedded = layers.Embedding(40, 12, mask_zero=mask_zero)(ids)
    mixed = layers.LayerNormalization()(embedded)
    summed = layers.Add()([mixed, attend(attention, mixed)])
    scores = layers.Dense(4, name="logits")(layers.GlobalAveragePooling1D()(summed))
    return keras.Model(ids, scores), keras.Model(ids, [mixed, keras.ops.not_equal(ids, 0)])


def check(
    snapshot: Snapshot, name: str, shares: np.ndarray, norm: np.ndarray, *masks: Any, cross: bool = False
) -> None:
    """All figures of a layer of heads, by instance id."""
    kept = slice(snapshot.record.sample_size)
    ids = np.asarray(snapshot.instances["id"])[kept]
    rows, columns = masks or (None, None)
    for figure, expected in shares_of_heads(shares, rows, columns, cross).items():
        given = snapshot.activations(f"{name}[{figure}]")[kept]
        np.testing.assert_allclose(given, expected[ids], atol=1e-3, rtol=1e-3, err_msg=figure)
    np.testing.assert_allclose(snapshot.activations(name)[kept], norm[ids], atol=1e-3, rtol=2e-3)
    assert (f"{name}[self]" in snapshot.layers) == (not cross)


KINDS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "plain": (lambda: layers.MultiHeadAttention(3, 4, name="attention"), {}),
    "causal": (lambda: layers.MultiHeadAttention(3, 4, name="attention"), {"use_causal_mask": True}),
    "no flash": (lambda: layers.MultiHeadAttention(3, 4, flash_attention=False, name="attention"), {}),
    "dropout": (lambda: layers.MultiHeadAttention(3, 4, dropout=0.4, name="attention"), {"use_causal_mask": True}),
    "value of another size": (lambda: layers.MultiHeadAttention(2, 4, value_dim=6, name="attention"), {}),
    "grouped": (lambda: layers.GroupQueryAttention(4, 4, 2, name="attention"), {}),
    "grouped, causal": (lambda: layers.GroupQueryAttention(4, 4, 2, name="attention"), {"use_causal_mask": True}),
    "one head": (lambda: layers.Attention(name="attention"), {}),
    "one head, additive, causal": (lambda: layers.AdditiveAttention(name="attention"), {"use_causal_mask": True}),
}


#: Each kind once, with a mask or without; TensorFlow takes seconds to trace one.
EVERY_TIME = {
    ("plain", None, True),
    ("causal", None, True),
    ("dropout", None, True),
    ("value of another size", None, False),
    ("grouped", None, True),
    ("grouped, causal", None, False),
    ("one head, additive, causal", None, True),
    ("grouped", 40, False),
}


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
@pytest.mark.parametrize(
    ("kind", "at_once", "masked"),
    [
        pytest.param(*case, marks=() if case in EVERY_TIME else pytest.mark.nightly)
        for case in [
            *((kind, None, masked) for kind in KINDS for masked in (False, True)),
            *((kind, 40, masked) for kind in ("causal", "grouped") for masked in (False, True)),
        ]
    ],
)
def test_figures_are_those_of_the_scores(
    tmp_path: Path, kind: str, masked: bool, at_once: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "value of another size" and keras.backend.backend() == "jax":
        pytest.skip("Keras's own attention refuses it on JAX")
    if at_once is not None:  # a few positions at a time, as of very long texts
        monkeypatch.setattr(figures, "_AT_ONCE", at_once)
    make, options = KINDS[kind]
    attention = make()
    single = isinstance(attention, layers.Attention)

    def attend(layer: Any, x: Any, **more: Any) -> Any:
        return layer([x, x], **options, **more) if single else layer(x, x, **options, **more)

    model, before = encoder(attend, attention, mask_zero=masked)
    x = padded()
    snapshot = logged(tmp_path, model, x, y=np.arange(INSTANCES) % 4, pinned=x[:3])
    mixed, real = (numpy(each) for each in before(x))
    given = keras.ops.convert_to_tensor(mixed)
    masks: dict[str, Any] = {}
    if masked and single:
        masks = {"mask": [keras.ops.convert_to_tensor(real)] * 2}
    elif masked and "grouped" in kind:
        masks = {"query_mask": real, "value_mask": real, "key_mask": real}
    elif masked:
        masks = {
            "query_mask": real,
            "value_mask": real,
            "key_mask": real,
            "attention_mask": real[:, None] & real[..., None],
        }
    attention._flash_attention = None
    shares = numpy(attend(attention, given, return_attention_scores=True, **masks)[1])
    shares = shares[:, None] if single else shares
    ends = (real, real) if masked else ()
    check(snapshot, "attention/heads", shares, norms(attention, given, shares, real if masked else None), *ends)
    assert snapshot.layers["attention/heads"].neurons == shares.shape[1]
    for pinned in range(3):
        count = int(real[pinned].sum()) if masked else LENGTH
        pattern = snapshot.attention("attention/heads", snapshot.record.sample_size + pinned)
        np.testing.assert_allclose(pattern.shares, shares[pinned, :, :count, :count], atol=1e-3)


def test_a_decoder_that_looks_at_an_encoder(tmp_path: Path) -> None:
    """Its second attention looks at another sequence, also in the second block, which depends on both."""
    source, target = (
        keras.Input((7,), dtype="int32", name="source"),
        keras.Input((LENGTH,), dtype="int32", name="target"),
    )
    seen = layers.LayerNormalization()(layers.Embedding(40, 8)(source))
    x = layers.Embedding(40, 8)(target)
    looked = []
    for block in range(2):
        x = x + layers.MultiHeadAttention(2, 4, name=f"own{block}")(x, x, use_causal_mask=True)
        cross = layers.MultiHeadAttention(2, 4, name=f"cross{block}")
        mixed = layers.LayerNormalization()(x)
        looked.append(cross(mixed, seen, return_attention_scores=True)[1])
        x = x + cross(mixed, value=seen)
    model = keras.Model([source, target], layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))
    data = [padded(7), padded()]
    snapshot = logged(tmp_path, model, {"source": data[0], "target": data[1]}, task="none")
    names = {name for name in snapshot.layers if "/heads" in name}
    kinds = {"own": ["", "[entropy]", "[first]", "[previous]", "[self]"], "cross": ["", "[entropy]", "[first]"]}
    assert names == {f"{kind}{block}/heads{figure}" for kind in kinds for block in range(2) for figure in kinds[kind]}
    ids = np.asarray(snapshot.instances["id"])
    for block, shares in enumerate(keras.Model([source, target], looked)(data)):
        for figure, expected in shares_of_heads(numpy(shares), None, None, cross=True).items():
            given = snapshot.activations(f"cross{block}/heads[{figure}]")
            np.testing.assert_allclose(given, expected[ids], atol=1e-3, rtol=1e-3)


class Block(layers.Layer):
    """A block of the user's own; its attention may be of a class of the user's own as well."""

    def __init__(self, attention: Any, **options: Any) -> None:
        super().__init__(**options)
        self.attention, self.norm = attention, layers.LayerNormalization()
        self.up, self.down = layers.Dense(10, activation="gelu", name="up"), layers.Dense(6)

    def call(self, x: Any) -> Any:
        x = x + self.attention(x, x)
        return x + self.down(self.up(self.norm(x)))


class Subclassed(keras.Model):
    def __init__(self, attention: Callable[[], Any], branch: bool) -> None:
        super().__init__()
        self.blocks = [Block(attention(), name=f"block{index}") for index in range(2)]
        self.out, self.branch = layers.Dense(3), branch

    def call(self, x: Any) -> Any:
        if self.branch and isinstance(x, keras.KerasTensor):
            raise ValueError("not on symbols")
        for block in self.blocks:
            x = block(x)
        return self.out(x[:, 0])


class Own(layers.MultiHeadAttention):
    """Calls what it inherits."""

    def call(self, query: Any, value: Any, key: Any = None, **options: Any) -> Any:
        return super().call(query, value, key, **options)


@pytest.mark.parametrize(
    "case",
    [
        "class of its own",
        *(pytest.param(case, marks=pytest.mark.nightly) for case in ("symbolic", "traced", "several axes")),
    ],
)
def test_blocks_of_a_subclassed_model(tmp_path: Path, case: str) -> None:
    kind = Own if case == "class of its own" else layers.MultiHeadAttention
    model = Subclassed(lambda: kind(2, 4, name="attention"), case == "traced")
    sizes = (5,) if case != "several axes" else (3, 4)
    x = RANDOM.normal(size=(INSTANCES, *sizes, 6)).astype("float32")
    if case == "several axes":
        model = keras.Sequential([keras.Input((*sizes, 6)), *model.blocks, layers.GlobalAveragePooling2D(), model.out])
    model(x[:2])
    snapshot = logged(tmp_path, model, x, task="none")
    for block in range(2):
        attention = (
            model.get_layer(f"block{block}").attention if case == "several axes" else model.blocks[block].attention
        )
        shares = layers.MultiHeadAttention.call(attention, x, x, return_attention_scores=True)[1]
        shares = numpy(shares).reshape(INSTANCES, 2, int(np.prod(sizes)), -1)
        check(snapshot, f"block{block}.attention/heads", shares, norms(attention, x, shares, None))
        assert f"block{block}.up" in snapshot.layers
        x = numpy((model.get_layer(f"block{block}") if case == "several axes" else model.blocks[block])(x))


class Replaced(layers.MultiHeadAttention):
    """Computes attention in a way of its own."""

    def _compute_attention(self, query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        return value, None


class ReplacedAttention(Replaced):
    pass


def test_attention_that_cannot_be_seen_is_named_once(tmp_path: Path) -> None:
    model = Subclassed(lambda: ReplacedAttention(2, 4, name="attention"), False)
    x = RANDOM.normal(size=(INSTANCES, 5, 6)).astype("float32")
    model(x[:2])
    snapshot = logged(tmp_path, model, x, task="none")
    nodes = {node.key: node for node in open_run(tmp_path).graph.nodes}
    assert "MultiHeadAttention" in nodes["block0.attention"].attributes["attention"]
    assert [note for note in snapshot.notes if "cannot be seen in block0.attention, block1.attention" in note]
    assert not [name for name in snapshot.layers if "/heads" in name]


def test_heads_by_name_and_by_glob(tmp_path: Path) -> None:
    model, _ = encoder(lambda layer, x: layer(x, x), layers.MultiHeadAttention(3, 4, name="attention"))
    x = padded()
    snapshot = logged(tmp_path / "glob", model, x, layers=["*/heads*", "logits"], reducer="max")
    assert len(snapshot.layers) == 6
    snapshot = logged(tmp_path / "one", model, x, layers=["attention/heads[first]"])
    assert [(layer.neurons, layer.reducer) for layer in snapshot.layers.values()] == [(3, "mean")]
    assert not [name for name in logged(tmp_path / "all", model, x, layers=["*"]).layers if "/heads" in name]


@pytest.mark.filterwarnings("ignore:.*a softmax over axis -1")
def test_texts_of_one_token_and_of_any_length(tmp_path: Path) -> None:
    ids = keras.Input((None,), dtype="int32")
    embedded = layers.Embedding(40, 6)(ids)
    attended = layers.MultiHeadAttention(2, 3, name="attention")(embedded, embedded)
    model = keras.Model(ids, layers.Dense(2)(layers.GlobalAveragePooling1D()(attended)))
    snapshot = logged(tmp_path, model, RANDOM.integers(1, 40, (INSTANCES, 1)), task="none")
    for figure, expected in {"entropy": 0, "first": 1, "previous": 0, "self": 1}.items():
        np.testing.assert_allclose(snapshot.activations(f"attention/heads[{figure}]"), expected, atol=1e-6)
