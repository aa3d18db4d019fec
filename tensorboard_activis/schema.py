"""The records that capture hands to write, and that read hands to query. Axis words: instances, neurons, subsets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Array:
    """Where an array is: in `inline`, or under the name `tensor` in `files`, shards whose rows are concatenated.

    Little-endian, row-major. `dtype` is numpy's name.
    """

    dtype: str
    shape: tuple[int, ...]
    inline: bytes = b""
    tensor: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a tensor that flows through the model; -1 is the batch axis."""

    sizes: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class Node:
    """A module call, an operator, an input or an output of the model.

    Attributes:
        key: unique in the graph, and the name of the layer that is recorded here: a module's path, `@1` for its second call,
            `layer2.0/add` for an operator inside a module, `fc1/relu` for an activation function after a layer, "" for the
            model itself, "/input" and "/output" for its ends.
        parent: key of the enclosing module; None for the model itself.
        kind: "module", "operator", "input" or "output".
        name: what to show, the last part of the key (the model's class name for the model itself).
        parameters: number of trainable and frozen parameters, those of modules inside included. How many of them are frozen,
            and how many other values (buffers) there are, is among the attributes, where there are any.
        call, calls: which call of the module this is, from 0, and how many one forward pass makes (0: it never ran).
        branch: whether there were forward passes with it and others without it.
    """

    key: str
    parent: str | None
    kind: str
    name: str
    type: str
    outputs: tuple[Shape, ...] = ()
    parameters: int = 0
    attributes: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    call: int = 0
    calls: int = 1
    branch: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """Data that flows from one node to another; both hold no other nodes. `branch`: not in every forward pass."""

    source: str
    target: str
    shape: Shape
    branch: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """The model: nested nodes in the order in which they ran, and the data flow between them.

    `origin` says how it was found: "recorded" (forward passes), "exported" (torch.export), "functional", "symbolic" or "tree"
    (no edges).
    """

    framework: str
    model: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    origin: str = "recorded"


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """What is known of a recorded layer before any data is seen.

    Attributes:
        name: key of its graph node.
        reducer: how one number per neuron and instance is made of the raw output ("none" when there is nothing to reduce).
        axis: the axis of the raw output that holds the neurons, counted without the batch axis.
        shape: the raw output.
        feeds_relu: whether its output goes into a ReLU, so that neurons never above zero deserve a warning.
    """

    name: str
    neurons: int
    reducer: str
    axis: int
    shape: Shape
    feeds_relu: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics over all instances seen; every array is [subsets, neurons].

    `count` is int64 or int32, and [subsets, 1] when nothing was left out; the next four are float32, NaN where a subset has no
    finite value. `std` is the population's (divided by n).

    With many classes, the four have rows of the other subsets only, and the statistics of the subsets of kind "class" are packed in
    `classes`, int32 [classes, neurons], and `scales`, float32; see `class_statistics`.
    """

    count: Array
    mean: Array
    std: Array
    min: Array
    max: Array
    classes: Array | None = None
    scales: Array | None = None

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All that there are."""
        packed = () if self.classes is None or self.scales is None else (self.classes, self.scales)
        return (self.count, self.mean, self.std, self.min, self.max, *packed)


@dataclass(frozen=True, slots=True)
class Positions:
    """Where in the input each neuron of a layer is active.

    Positions of a sequence are counted over the instance's own tokens, without padding; those of a map are flat and row-major.

    Attributes:
        sizes: of the axes of positions, in the order of the layer's output; (-1,) for a sequence whose length differs.
        peaks: unsigned [instances, neurons]: position of the largest value; the type's highest value where there is none.
        strongest: int32 [neurons, k]: indices of the kept instances of largest activation, largest first; -1 behind the last.
        maps: uint8 [neurons, k, *stored sizes]: the values of these at their positions, from 0 to 254 on a linear scale, 255
            for none.
        map_range: float32 [neurons, k, 2]: the values that 0 and 254 stand for.
        starts: uint32 [neurons, k]: first position of the window of a sequence that `maps` holds. None for a map, which is
            averaged down to its stored sizes.
        pinned_maps, pinned_range: the same of pinned instances, uint8 [pinned, *stored sizes, neurons] and float32
            [pinned, neurons, 2]; None without such instances.
    """

    sizes: tuple[int, ...]
    peaks: Array
    strongest: Array
    maps: Array
    map_range: Array
    starts: Array | None = None
    pinned_maps: Array | None = None
    pinned_range: Array | None = None

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All that there are."""
        arrays = (
            self.peaks,
            self.strongest,
            self.maps,
            self.map_range,
            self.starts,
            self.pinned_maps,
            self.pinned_range,
        )
        return tuple(array for array in arrays if array is not None)

    @property
    def is_sequence(self) -> bool:
        """Whether the positions are those of a sequence, and not of a map."""
        return self.starts is not None


@dataclass(frozen=True, slots=True)
class Patterns:
    """Where each head of an attention looks from each position, for pinned instances, over their own positions without padding.

    Attributes:
        shares: float16 [pinned, heads, from, to], rows sum to 1; of the first pinned instances, perhaps not of all. NaN behind
            the last position.
        together: int32 [pinned, 2]: how many positions one row and one column of the shares stand for. A row is the mean over
            its positions, a column the sum.
    """

    shares: Array
    together: Array

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Both."""
        return self.shares, self.together


@dataclass(frozen=True, slots=True)
class Training:
    """The training data that instances were looked for in: how many of it, from the beginning, and whether these are all."""

    instances: int
    complete: bool


@dataclass(frozen=True, slots=True, repr=False)
class Layer:
    """A recorded layer: its description, its statistics and the activations of the sample, float16 [instances, neurons].

    `nan` and `inf` count values that the summary leaves out, `clipped` the kept ones beyond float16's range.
    `positions` is None where there are none; if a file lies about them, `positions_problem` says how. So for `patterns`, which
    only the heads of attention have.
    """

    info: LayerInfo
    activations: Array
    summary: Summary
    nan: int = 0
    inf: int = 0
    clipped: int = 0
    positions: Positions | None = None
    positions_problem: str = field(default="", compare=False)
    patterns: Patterns | None = None
    patterns_problem: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """Key of the layer's node in the graph."""
        return self.info.name

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return self.info.neurons

    @property
    def reducer(self) -> str:
        """How one number per neuron and instance was made of the raw output; "none" if there was nothing to reduce."""
        return self.info.reducer

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the raw output, -1 for the instances."""
        return self.info.shape.sizes

    def __repr__(self) -> str:
        return f"Layer(name={self.name!r}, neurons={self.neurons}, reducer={self.reducer!r}, shape={self.shape})"

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The activations, and those of the summary, of the positions and of the patterns."""
        positions = () if self.positions is None else self.positions.arrays
        patterns = () if self.patterns is None else self.patterns.arrays
        return (self.activations, *self.summary.arrays, *positions, *patterns)


@dataclass(frozen=True, slots=True)
class Subset:
    """A declared subset. `kind` is "all", "class", "correct", "wrong" or "user"; `count` is over all instances seen."""

    name: str
    kind: str
    expression: str
    count: int


@dataclass(frozen=True, slots=True)
class Depth:
    """Prediction by depth: what the model's own last norm and head make of the output of every block.

    Attributes:
        layers: keys of the blocks in the graph, in the order in which they run.
        top: int32 [instances, blocks, 5]: the likeliest classes or tokens, -1 where there are fewer or nothing was read.
        score: float16 [instances, blocks, 5]: their probabilities.
        rank, label: int32 [instances, blocks]: place of the label, from 1, 0: unknown; int32 [instances]: the label, -1: none.
        right: float64 [blocks]: share of the counted instances whose label comes first; NaN if none is counted.
        counted: how many of the instances seen have a label whose place is known.
        token: what is read of each instance: "first", "last", "next" (the last token whose next one is known) or "" (all of it).
        texts: of the tokens in `top` and `label`, where a tokenizer gave them.
    """

    layers: tuple[str, ...]
    top: Array
    score: Array
    rank: Array
    label: Array
    right: Array
    counted: int
    token: str
    texts: Mapping[int, str] = field(default_factory=dict)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All of them."""
        return (self.top, self.score, self.rank, self.label, self.right)


@dataclass(frozen=True, slots=True)
class LayerEffects:
    """What a layer's neurons do to the margin of errors.

    Attributes:
        gradient: float32 [errors, neurons]: of the margin with respect to each neuron, summed over positions that are no padding.
        product: float32 [errors, neurons]: gradient times activation, summed likewise. None for a layer without positions, where
            it is the product of the two.
        neurons: int32 [tried, k]: those that were tried, the strongest first, -1 behind the last. None where nothing was tried, as
            the next two.
        alone: float32 [tried, k]: the margin after each of these alone was set to its mean over the label's class.
        together: float32 [tried]: the margin after all of them were.
    """

    gradient: Array
    product: Array | None = None
    neurons: Array | None = None
    alone: Array | None = None
    together: Array | None = None

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All that there are."""
        every = (self.gradient, self.product, self.neurons, self.alone, self.together)
        return tuple(array for array in every if array is not None)


@dataclass(frozen=True, slots=True)
class Effects:
    """What single neurons do to the margin of errors: the logit of the label minus the highest other.

    Attributes:
        instances: int32 [errors]: indices of kept wrong instances, ascending.
        wrong: how many kept instances are wrong; there may be fewer errors, because of `effects_share`.
        layers: by layer.
        tried: int32 [tried]: indices of the surest errors, ascending; None where nothing was tried, as the next.
        before: float32 [tried]: the margin of these, as the model gave it.
    """

    instances: Array
    wrong: int
    layers: Mapping[str, LayerEffects]
    tried: Array | None = None
    before: Array | None = None

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All that there are."""
        own = tuple(array for array in (self.instances, self.tried, self.before) if array is not None)
        return own + tuple(array for layer in self.layers.values() for array in layer.arrays)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One model at one training step over the evaluation data.

    Attributes:
        session: of the process that wrote it; sessions sort by their start.
        task: "classification", "multilabel", "regression", "ranking", "tokens" or "none" (docs/tasks.md).
        seen, sample_size: instances of the evaluation data, and of the sample: the first of all arrays, in hash order.
        pinned: extra instances, which come after those; they are in no summary and no metric.
        unit: what an instance is: "" for an example of the data, "position" for a token or place of one.
        metrics: "accuracy" and "loss", where they have a meaning: means over all instances (tokens) seen.
        instances: parquet files of id, content, label and user columns; rows concatenated.
        columns: what changes from step to step: "prediction", "correct", "score", "loss", "label_score", "accuracy",
            "tokens", "rank" [instances]; "top_classes", "top_scores" [instances, k]. "prediction" is int32 [instances, k], -1
            behind the last, where an instance may have several classes; texts as UTF-8, uint8 [instances, bytes], zeros behind
            the end, where it is of a vocabulary.
        notes: what was lost or odd, in words for the user. depth: prediction by depth; None where it was not recorded.
        effects: what neurons do to the margin of errors; None where it was not recorded. If a file lies about it,
            `effects_problem` says how.
        training: what instances were looked for in, of which the columns `in_training` and `training_row` tell; None without.
        digest: of the bytes that the snapshot was read from; empty for one that was not. A changed copy has none.
    """

    step: int
    wall_time: float
    session: str
    task: str
    class_names: tuple[str, ...]
    seen: int
    sample_size: int
    metrics: Mapping[str, float]
    instances: tuple[str, ...]
    columns: Mapping[str, Array]
    subsets: tuple[Subset, ...]
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()
    pinned: int = 0
    depth: Depth | None = None
    unit: str = ""
    effects: Effects | None = None
    effects_problem: str = field(default="", compare=False)
    training: Training | None = None
    digest: str = field(default="", init=False, compare=False)

    @property
    def stored_instances(self) -> int:
        """Length of every [instances, ...] array: the sample's instances, then the pinned ones."""
        return self.sample_size + self.pinned
