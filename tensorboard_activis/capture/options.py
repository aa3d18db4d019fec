"""The keywords that loggers and callbacks share: their types, their defaults, what each does, and the checks that need no model.

A face takes them as `**options: Unpack[LoggerOptions]`, from which editors complete them; `capture/face.py` does the rest.
"""

import reprlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, TypeVar, Unpack

from tensorboard_activis.capture.health import DEFAULT_EVERY
from tensorboard_activis.capture.instances.audio import AudioSource
from tensorboard_activis.capture.instances.metadata import ColumnsFunction, IdFunction, InstanceMetadata
from tensorboard_activis.capture.reducers import Reducer, check_reducer
from tensorboard_activis.capture.subsets import check_expressions
from tensorboard_activis.capture.tasks.evaluator import TASKS
from tensorboard_activis.errors import ConfigurationError

T = TypeVar("T")
#: Instances per neuron whose positions are stored.
MOST_STRONGEST = 256
#: Snapshots that a run keeps whole at least: the first and the newest.
LEAST_KEPT = 2
#: What may be measured of errors.
EFFECTS = ("gradients", "tried")


class RecorderOptions(TypedDict, total=False):
    """What is summarised and stored of the instances.

    Attributes:
        class_names: names of the classes, in the order of the model's outputs.
        subsets: more sets of instances to summarise, name -> expression, such as `{"unsure": "score < 0.5"}`.
        sample: how many instances are stored one by one. None stores all, which are in memory until the snapshot is written: 2
            bytes per neuron and instance. Summaries are over all instances in any case.
        task: "classification", "multilabel", "regression", "ranking", "tokens" or "none"; None decides by outputs and labels.
            docs/tasks.md says what prediction, correct, score and loss are then.
    """

    class_names: Sequence[str] | None
    subsets: Mapping[str, str] | None
    sample: int | None
    task: str | None


class LayerOptions(TypedDict, total=False):
    """Which layers are recorded, and how.

    Attributes:
        layers: names or globs of the layers to record, such as `["conv1", "layer2.*", "lstm[0]", "shared@1"]`. None
            chooses: the logits, the outputs of repeated blocks, activations, and layers with weights.
        reducer: how one number per neuron and instance is made of maps and sequences: "mean" (default), "max",
            "std" (population standard deviation), "first", "last", each over the positions that are not padding; a function of
            float32 [instances, neurons, positions] and a mask that gives [instances, neurons]; or a dict of these by layer name
            or glob, in which an exact name wins, then the first glob that matches, else the mean.
    """

    layers: Sequence[str] | None
    reducer: Reducer | Mapping[str, Reducer] | None


class InstanceOptions(TypedDict, total=False):
    """What is said of the instances.

    Attributes:
        id: instance ids, integers or strings: a function of a batch, or a sequence in the order of the data. An instance
            whose id came before is left out, and a note says so. None: by order, or by content where the order is not fixed.
        columns: further columns of instances, for subset expressions and the table: a mapping of names to one number, boolean
            or text per instance in the order of the data (a data frame, say), or a function of a batch that returns such a mapping.
        audio: values per second, where inputs are waveforms; or a function of a batch that returns (waveforms, that number).
        pinned: more instances, in any form that the data may have, to be looked at whatever the sample: always kept and shown
            first, but in no summary and no metric.
        output: which of the model's outputs is the score: a name, such as "scores" or "head.scores", an index, or a function of
            what the model returns. None: the one that fits the labels; docs/tasks.md says how that is found.
    """

    id: IdFunction | Sequence[Any] | None
    columns: ColumnsFunction | Mapping[str, Any] | None
    audio: AudioSource | None
    pinned: Any
    output: str | int | Callable[[Any], Any] | None


class ReportOptions(TypedDict, total=False):
    """What is said while logging.

    Attributes:
        progress: show a progress bar; None: on a terminal, when a pass takes longer than a second.
        strict: raise errors while logging, instead of warning once and continuing.
        on_finding: called once with every new finding of a snapshot (docs/http_api.md, Finding), in the thread that logs, after the
            snapshot was written. An error in it becomes one warning. Training waits at most five seconds for the search.
        alerts: one warning for the first finding of each kind.
        scalars: figures of up to 40 layers at each snapshot, for TensorBoard's own dashboards: `activis/dead_share/…`,
            `activis/rms/…`, `activis/effective_rank/…` and `activis/drift/…`.
        keep: bounds the disk: when the run has more snapshots with large arrays (over 64 KiB in all) than this, at least 2, those
            between are thinned: they lose the activations of single instances, and keep summaries, metrics, findings and columns of
            up to 131,072 instances. The first step, the newest, and others spread over the run stay whole. None: all do.
    """

    progress: bool | None
    strict: bool
    on_finding: Callable[[Any], Any] | None
    alerts: bool
    scalars: bool
    keep: int | None


class SharedOptions(RecorderOptions, LayerOptions, InstanceOptions, ReportOptions, total=False):
    """The keywords of all loggers and callbacks."""


class PositionOptions(TypedDict, total=False):
    """Where in the input neurons are active.

    Attributes:
        positions: of how many instances per neuron, those of largest activation, the values at all positions (tokens, places of a
            map) are stored; of all stored instances the position of the largest value, of pinned ones all positions. 0: nothing.
    """

    positions: int


class EffectOptions(TypedDict, total=False):
    """What single neurons do to errors.

    Attributes:
        effects: for classification, what is measured of stored wrong instances at the end of each pass, by running these again:
            "gradients": how each neuron acts on the margin (the logit of the label minus the highest other); "tried": also what
            becomes of the at most 32 surest errors when the five neurons of a layer that act most are set to their mean over
            the label's class. None: nothing. benchmarks/README.md says what it costs.
        effects_share: at most this share of all instances is run again for `effects`, and at least one.
    """

    effects: str | None
    effects_share: float


class HealthOptions(TypedDict, total=False):
    """What is measured during training.

    Attributes:
        health: training health: of every layer with parameters, every so many training steps, the norm, root mean square and
            kurtosis of what it gives, the share of its neurons that are dead, its gradient, its update against its weights, and the
            load of experts. True: every 50 steps, in Keras, where `fit` computes a measured batch a second time, every 200; a
            number: that many; False: none.
    """

    health: bool | int


class TrainingOptions(TypedDict, total=False):
    """What is known of the training data.

    Attributes:
        train_data: the data that the model is trained on, in any form that the evaluation data may have. They are read once, in
            order, before training, up to 1,000,000 instances or 60 seconds; evaluation instances that are among them get the
            columns `in_training` ("same", "near", "no") and `training_row`, and a finding says how many there are.
    """

    train_data: Any


class DepthOptions(TypedDict, total=False):
    """Prediction by depth.

    Attributes:
        depth: prediction by depth: whether the model's own last norm and head are read after every block, where logits are of
            one class or next token. An approximation: early blocks need not hold their information in that
            form.
    """

    depth: bool


class KerasOptions(
    SharedOptions, PositionOptions, DepthOptions, EffectOptions, HealthOptions, TrainingOptions, total=False
):
    """The keywords that the callback for Keras shares with the others."""


class TorchOptions(
    SharedOptions, PositionOptions, DepthOptions, EffectOptions, HealthOptions, TrainingOptions, total=False
):
    """The keywords of the logger and all callbacks for PyTorch.

    Attributes:
        unpack: for batches of any other form, a function of the batch that returns (inputs, labels).
        graph: "recorded": what one forward pass calls, and others that take another path; works on every model that runs.
            "export": the operators of torch.export where it can export the model; a warning and the former where it cannot.
        unit: what an instance is: "instance", an example of the data, or "position": every token of a sequence that is not padding,
            or every place of an image. Statistics are then over all of them, the sample is of them, and layers have a row for
            each; docs/tasks.md says more.
    """

    unpack: Callable[[Any], tuple[Any, Any]] | None
    graph: str
    unit: str


class LoggerOptions(TorchOptions, total=False):
    """The keywords of `ActiVisLogger`, and of what hands all of them on to it.

    Attributes:
        texts: a function of a batch that returns one text, or a list of words, per instance, for a person to read and for
            subset expressions, as in `lambda batch: tokenizer.batch_decode(batch["input_ids"])` and `{"who": '"who" in text'}`.
        tokenizer: one of Hugging Face, or a processor that has one: decodes `input_ids` where `texts` is not given, and gives the
            texts of single tokens. None: tokens are shown by their ids.
    """

    texts: Callable[[Any], Any] | None
    tokenizer: Any


class RayOptions(
    RecorderOptions, LayerOptions, PositionOptions, DepthOptions, TrainingOptions, ReportOptions, total=False
):
    """The keywords that `tensorboard_activis.ray.log` shares with loggers and callbacks."""

    audio: AudioSource | None
    pinned: Any
    output: str | int | Callable[[Any], Any] | None
    graph: str
    unit: str
    tokenizer: Any


#: The defaults that are not None.
DEFAULTS: Mapping[str, Any] = {
    "sample": 1000,
    "positions": 16,
    "graph": "recorded",
    "depth": True,
    "unit": "instance",
    "effects_share": 0.05,
    "strict": False,
    "health": False,
    "alerts": False,
    "scalars": False,
}
#: All groups, for what they say of each keyword.
GROUPS = (
    RecorderOptions,
    LayerOptions,
    InstanceOptions,
    ReportOptions,
    PositionOptions,
    EffectOptions,
    HealthOptions,
    TrainingOptions,
    DepthOptions,
    TorchOptions,
    LoggerOptions,
)


def check_options(**options: Unpack[TorchOptions]) -> None:
    """Checks what can be checked without a model and data.

    Raises:
        ConfigurationError: a keyword has a wrong value.
    """
    class_names = options.get("class_names")
    if class_names is not None:
        if isinstance(class_names, str) or not all(isinstance(name, str) for name in class_names):
            raise ConfigurationError(
                f"class_names must be a list of texts, one per class; got {reprlib.repr(class_names)}."
            )
        repeated = min((name for name, count in Counter(class_names).items() if count > 1), default=None)
        if repeated is not None:
            raise ConfigurationError(f"class_names must differ from each other; {repeated!r} is there more than once.")
    subsets = options.get("subsets")
    if subsets is not None:
        if not isinstance(subsets, Mapping) or not all(isinstance(text, str) for text in subsets.values()):
            raise ConfigurationError(
                'subsets must map names to expressions, as in {"low": "score < 0.5"}; got ' + f"{subsets!r}."
            )
        check_expressions(subsets)
    sample = options.get("sample")
    if sample is not None and (isinstance(sample, bool) or not isinstance(sample, int) or sample < 1):
        raise ConfigurationError(f"sample must be a positive number of instances, or None to keep all; got {sample!r}.")
    task = options.get("task")
    if task is not None and task not in TASKS:
        raise ConfigurationError(
            f"task must be one of {', '.join(TASKS)}, or None to decide by the data; got {task!r}."
        )
    output = options.get("output")
    if output is not None and (isinstance(output, bool) or not (isinstance(output, str | int) or callable(output))):
        raise ConfigurationError(
            f"output must be the name or the index of one of the model's outputs, or a function of what the model returns; got "
            f"{output!r:.60}."
        )
    layers = options.get("layers")
    if isinstance(layers, str):
        raise ConfigurationError(
            f"layers must be a list of names or globs; got the text {layers!r}: write [{layers!r}]."
        )
    check_reducer(options.get("reducer"))
    positions = options.get("positions", 0)
    if isinstance(positions, bool) or not isinstance(positions, int) or not 0 <= positions <= MOST_STRONGEST:
        raise ConfigurationError(
            f"positions must be a number of instances per neuron from 0 (none) to {MOST_STRONGEST}; got {positions!r:.60}."
        )
    _check_effects(options.get("effects"), options.get("effects_share", DEFAULTS["effects_share"]))
    if options.get("effects") is not None and options.get("unit") == "position":
        raise ConfigurationError(
            "effects= needs whole instances, and with unit='position' each token or place is an instance. Leave one of them out."
        )
    health_interval(options.get("health", False))
    on_finding = options.get("on_finding")
    if on_finding is not None and not callable(on_finding):
        raise ConfigurationError(f"on_finding must be a function of a finding, or None; got {on_finding!r:.60}.")
    for name in ("alerts", "scalars"):
        if not isinstance(options.get(name, False), bool):
            raise ConfigurationError(f"{name} must be True or False; got {options.get(name)!r:.60}.")
    keep = options.get("keep")
    if keep is not None and (isinstance(keep, bool) or not isinstance(keep, int) or keep < LEAST_KEPT):
        raise ConfigurationError(
            f"keep must be at least {LEAST_KEPT} snapshots, the first and the newest, or None to keep all; got {keep!r:.60}."
        )
    depth = options.get("depth", True)
    if not isinstance(depth, bool):
        raise ConfigurationError(
            f"depth must be True or False: whether the last norm and head are read after every block; got {depth!r:.60}."
        )
    InstanceMetadata(options.get("id"), options.get("columns"))
    audio = options.get("audio")
    if audio is not None and (isinstance(audio, bool) or not (isinstance(audio, int) or callable(audio))):
        raise ConfigurationError(
            "audio must be the number of values per second, where inputs are waveforms, or a function of a batch that "
            f"returns (waveforms, that number); got {audio!r:.60}."
        )


def _check_effects(effects: object, share: object) -> None:
    if effects is not None and (not isinstance(effects, str) or effects not in EFFECTS):
        raise ConfigurationError(
            'effects must be "gradients", "tried" (which takes longer), or None for neither; got ' + f"{effects!r:.60}."
        )
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise ConfigurationError(
            "effects_share must be a share of all instances, above 0 and at most 1, such as 0.05; got "
            + f"{share!r:.60}."
        )


def health_interval(health: bool | int, default: int = DEFAULT_EVERY) -> int | None:
    """Training steps from one that is measured to the next, for `True` the default; None: none is. Raises ConfigurationError."""
    if health is False or health is None:
        return None
    if health is True:
        return default
    if not isinstance(health, int) or health < 1:
        raise ConfigurationError(
            f"health must be True, False, or a number of training steps, 1 or more, between measured ones; got {health!r:.60}."
        )
    return health


def options_of(group: type[T], options: Mapping[str, Any]) -> T:
    """All options of a group, from those of a larger one: the default of each that is not there."""
    chosen: Any = {name: options.get(name, DEFAULTS.get(name)) for name in group.__annotations__}
    return chosen  # type: ignore[no-any-return]
