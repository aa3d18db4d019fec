"""Runs for the gallery, one per state of the tab, written by the real recorder from seeded data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from scripts.gallery_trained import TRAINED, write_trained
from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder

WIDTHS = {"stem/relu": 24, "body.1/relu": 64, "body.2/relu": 64, "head.fc1": 48, "head.fc2": 10}
BATCH = 4096


@dataclass
class State:
    """One run to write.

    Attributes:
        truth: class of every instance, int64 [instances]; activations follow from it.
        batch: further arguments of the recorder's `add`, for all instances: labels, inputs, texts, columns, ….
        options: keywords of the recorder.
        activations: by layer, in place of those that follow from `truth`: float32 [instances, neurons].
        widths: neurons by layer.
        steps: the steps to log.
        outputs: whether the last layer's activations are passed to the recorder as the model's outputs.
        renamed: layers' names in the log, by their name in `widths`.
        shuffled: whether the neurons of hidden layers are in another order than in other runs.
    """

    truth: np.ndarray
    batch: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    activations: dict[str, np.ndarray] = field(default_factory=dict)
    widths: Mapping[str, int] = field(default_factory=lambda: dict(WIDTHS))
    steps: Sequence[int] = (20, 40, 60)
    outputs: bool = True
    renamed: Mapping[str, str] = field(default_factory=dict)
    shuffled: bool = False


def graph(widths: Mapping[str, int], classes: int, renamed: Mapping[str, str]) -> schema.Graph:
    """A stem, repeated blocks and a head: the modules that the names of the layers tell."""
    modules = list(dict.fromkeys(_module(name) for name in widths))
    parents = list(dict.fromkeys(module.partition(".")[0] for module in modules))
    nodes = [
        schema.Node("", None, "module", "Net", "Net", (schema.Shape((-1, classes)),), parameters=51_338),
        schema.Node("/input", "", "input", "input", "input", (schema.Shape((-1, 1, 8, 8)),)),
    ]
    for module in dict.fromkeys(parents + modules):
        parent, _, own = module.rpartition(".")
        nodes.append(
            schema.Node(module, parent, "module", own, "Block" if parent else "Sequential", (), parameters=9_000)
        )
    edges, before, carried = [], "/input", schema.Shape((-1, 1, 8, 8))
    for name, width in widths.items():
        module, operator = _module(name), name.rpartition("/" if "/" in name else ".")[2]
        shape = schema.Shape((-1, width, 4, 4) if "/" in name else (-1, width))
        key = renamed.get(name, name)
        steps = (
            [(f"{module}.conv", "module", "conv", "Conv2d"), (key, "operator", operator, operator)]
            if "/" in name
            else [(key, "module", operator, "Linear")]
        )
        for own, kind, called, type_ in steps:
            nodes.append(
                schema.Node(own, module, kind, called, type_, (shape,), parameters=1_160 if kind == "module" else 0)
            )
            edges.append(schema.Edge(before, own, carried))
            before, carried = own, shape
    nodes.append(schema.Node("/output", "", "output", "output", "output", (schema.Shape((-1, classes)),)))
    edges.append(schema.Edge(before, "/output", carried))
    return schema.Graph("torch", "Net", tuple(nodes), tuple(edges))


def _module(layer: str) -> str:
    return layer.rpartition("/" if "/" in layer else ".")[0]


def respond(state: State, step: int) -> dict[str, np.ndarray]:
    """Activations by layer, float32 [instances, neurons]: a pattern per class, clearer with every step, plus noise."""
    random = np.random.default_rng(step)
    kinds = int(state.truth.max(initial=0)) + 1
    activations: dict[str, np.ndarray] = {}
    for depth, (name, width) in enumerate(state.widths.items()):
        patterns = np.random.default_rng(depth).normal(size=(kinds, width))
        clear = (0.3 + 1.25 * depth / len(state.widths)) * (0.4 + step / 60)
        values = clear * patterns[state.truth] + random.normal(size=(len(state.truth), width))
        if state.shuffled and name != "head.fc2":
            values = values[:, np.random.default_rng(7).permutation(width)]
        activations[name] = (values if name.startswith("head") else np.maximum(values, 0)).astype(np.float32)
    activations["head.fc2"] = (
        activations["head.fc2"] + np.eye(kinds, state.widths["head.fc2"], dtype=np.float32)[state.truth] * step / 12
    ).astype(np.float32)
    return activations | state.activations


def write(log_dir: Path, state: State) -> None:
    """Logs the state at each of its steps."""
    classes = state.widths["head.fc2"]

    def name(layer: str) -> str:
        return state.renamed.get(layer, layer)

    layers = [
        schema.LayerInfo(
            name(layer),
            width,
            "mean" if "/" in layer else "none",
            0,
            schema.Shape((-1, width, 4, 4) if "/" in layer else (-1, width)),
        )
        for layer, width in state.widths.items()
    ]
    options = {"sample": 1000, "strict": True} | state.options
    recorder = Recorder(log_dir, graph(state.widths, classes, state.renamed), layers, **options)
    for step in state.steps:
        values = respond(state, step)
        with recorder.guard(step), recorder.snapshot(step) as evaluation:
            for start in range(0, len(state.truth), BATCH):
                rows = slice(start, start + BATCH)
                batch = {key: _rows(value, rows) for key, value in state.batch.items()}
                if state.outputs and "outputs" not in batch:
                    batch["outputs"] = values["head.fc2"][rows]
                if "inputs" in batch:
                    batch.setdefault("channels", "first")
                evaluation.add(BatchRecord({name(layer): array[rows] for layer, array in values.items()}, **batch))
    recorder.close()


def _rows(value: Any, rows: slice) -> Any:
    if isinstance(value, Mapping):
        return {key: _rows(one, rows) for key, one in value.items()}
    if isinstance(value, tuple):  # audio: waveforms and their rate
        return (value[0][rows], *value[1:])
    return value[rows] if isinstance(value, np.ndarray | list) else value


def digits(count: int = 899) -> tuple[np.ndarray, np.ndarray]:
    """Images [instances, 1, 8, 8] and labels, over again when there are not enough."""
    data = load_digits()
    chosen = np.arange(count) % len(data.target)
    return (data.images[chosen, None] / 16).astype(np.float32), data.target[chosen]


LONG = "A class whose name somebody wrote out in full, with all that the annotation guideline says of it"
HEBREW = ("כלב", "חתול", "ציפור", "סוס", "דג זהב קטן", "קוף", "אריה", "נמר", "זאב", "שועל")
TEXTS = (
    "What is the capital of Kenya ?",
    "<img src=x onerror=alert(1)> & <b>bold</b>",
    "מי כתב את הספר הזה ומתי הוא יצא לאור?",
    "",
    "one\ntwo\n\n\tthree   spaces",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧‍👦 e\u0301 ﷽",
    "word " * 2000,
    "unbroken" * 1250,
)


QUESTIONS = {
    "ABBREVIATION": ("What does", "stand for", "the abbreviation", "on a label"),
    "DESCRIPTION": ("How would you explain", "to a child", "the reason for", "in simple words"),
    "ENTITY": ("Which animal or plant", "is known for", "the colour of", "in the wild"),
    "HUMAN": ("Who", "was the first to write about", "the founder of", "in a letter"),
    "LOCATION": ("Where", "can one see", "the river that passes", "on the map"),
    "NUMBER": ("How many years", "passed before", "the population of", "by the census"),
}


def questions(count: int) -> tuple[list[str], np.ndarray]:
    """Texts of 5 to 60 words, and their classes, int64 [instances]."""
    random = np.random.default_rng(1)
    things = [
        "the old harbour",
        "a steam engine",
        "the last emperor",
        "wild horses",
        "a small museum",
        "the northern lights",
    ]
    kinds = random.integers(0, len(QUESTIONS), count)
    texts = []
    for kind, words in zip(kinds, random.integers(5, 61, count), strict=True):
        parts = list(QUESTIONS.values())[kind]
        text = parts[0].split()
        while len(text) < words:
            text += parts[random.integers(1, 4)].split() + random.choice(things).split()
        texts.append(" ".join(text[:words]) + " ?")
    return texts, kinds


def states() -> dict[str, State]:
    """The runs by name."""
    images, labels = digits()
    random = np.random.default_rng(0)
    named = {
        "class_names": [str(digit) for digit in range(10)],
        "subsets": {"unsure": "score < 0.6", "3 or 8, wrong": 'label in ["3", "8"] and not correct'},
    }
    plain = {"inputs": images, "labels": labels}
    broken = {"stem/relu": np.zeros((899, 24), np.float32), "body.1/relu": np.full((899, 64), np.nan, np.float32)}
    broken["body.2/relu"] = np.ones((899, 64), np.float32)
    _, kinds = digits(100_000)
    thousand = np.repeat(np.arange(1000), 3)
    target = (labels - 4.5 + random.normal(scale=0.6, size=899)).astype(np.float32)
    features = {
        "age": random.normal(40, 12, 899),
        "fare": random.gamma(2, 20, 899),
        "a column with a very long name": random.random(899),
        "y": labels.astype(float),
    }
    texts = [TEXTS[i % len(TEXTS)] for i in range(200)]
    tones = np.sin(np.arange(4000)[None] * (0.02 + 0.02 * labels[:60, None])).astype(np.float32)
    sentences = [f"{'the quick fox jumps over the lazy dog of ' * 2}{i}".split()[: 3 + i % 9] for i in range(120)]
    tags = np.full((120, 11), -100)
    for row, sentence in enumerate(sentences):
        tags[row, : len(sentence)] = [min(len(word) // 3, 2) for word in sentence]
    guesses = np.eye(3, dtype=np.float32)[np.maximum(tags, 0)] * 2 + random.normal(size=(120, 11, 3)).astype(np.float32)
    asked, kinds_asked = questions(600)
    species = np.random.default_rng(2).integers(5, 100, 1500)  # of the first five classes there is no instance
    mistaken = np.where(np.random.default_rng(3).random(1500) < 0.15, species // 10 * 10 + 9, species)
    blocks = {f"body.stage{i // 7}_block{i % 7}_k3_out/relu": 32 for i in range(26)}
    flags = (random.random((899, 10)) < 0.15).astype(np.int64) | np.eye(10, dtype=np.int64)[labels]
    return {
        "digits": State(labels, plain, named),
        "digits-again": State(
            np.where(random.random(899) < 0.1, (labels + 1) % 10, labels), plain, named, steps=(20, 60), shuffled=True
        ),
        "digits-deeper": State(
            labels,
            plain,
            named,
            widths={
                **{name: width for name, width in WIDTHS.items() if name.startswith(("stem", "body"))},
                "body.2/relu": 96,
                "body.3/relu": 96,
                "head.fc2": 10,
            },
        ),
        "questions": State(
            kinds_asked,
            {"texts": asked, "labels": np.where(np.arange(600) % 12, kinds_asked, (kinds_asked + 1) % 6)}
            | {"columns": {"length": np.array([len(text.split()) for text in asked])}},
            {"class_names": list(QUESTIONS), "subsets": {"long": "length > 40"}},
            widths=WIDTHS | {"head.fc2": 6},
        ),
        "hundred-classes": State(
            mistaken,
            {"labels": species, "columns": {"camera": np.array(["north", "south", "east"])[species % 3].tolist()}},
            {
                "class_names": [
                    f"{['Greater', 'Lesser', 'Common', 'Eurasian', 'Black-throated'][i % 5]} {bird}, {age} plumage, ring {i:02d}"
                    for i in range(100)
                    for bird in ["warbler" if i % 10 < 5 else "flycatcher"]
                    for age in ["juvenile" if i % 2 else "breeding"]
                ],
                "sample": None,
            },
            widths={"stem/relu": 24, **blocks, "head.fc1": 48, "head.fc2": 100},
        ),
        "one-class": State(
            np.zeros(120, np.int64),
            {"inputs": images[:120], "labels": np.zeros(120, np.int64)},
            {"class_names": ["the only one there is", "never seen"]},
            widths=WIDTHS | {"head.fc2": 2},
        ),
        "thousand-classes": State(
            thousand,
            {"labels": thousand},
            {"class_names": [f"n{i:08d}" for i in range(1000)], "sample": 3000},
            widths=WIDTHS | {"head.fc2": 1000},
        ),
        "long-names-" + "of-a-run-in-a-sweep-" * 4: State(
            labels,
            plain,
            {"class_names": [f"{LONG}, number {i}" for i in range(10)], "subsets": {LONG: "score < 0.6"}},
            renamed={
                "body.1/relu": "body.1/" + "a_layer_with_a_very_long_name_" * 3,
                "head.fc2": "head." + "classifier_projection_" * 4,
            },
        ),
        "right-to-left-עברית": State(labels, plain, {"class_names": HEBREW, "subsets": {"לא בטוח": "score < 0.6"}}),
        "three-instances": State(labels[:3], {"inputs": images[:3], "labels": labels[:3]}, named),
        "hundred-thousand": State(kinds, {"labels": kinds}, named | {"sample": None}, steps=(60,)),
        "dead-and-nan": State(labels, plain, named, activations=broken),
        "regression": State(
            labels,
            {
                "inputs": images,
                "labels": target,
                "outputs": (target + random.normal(scale=0.5, size=899)).astype(np.float32),
            },
            {},
        ),
        "no-labels": State(labels, {"inputs": images}, {}, outputs=False),
        "texts": State(labels[:200], {"texts": texts, "labels": labels[:200]}, named),
        "features": State(labels, {"columns": features, "labels": labels}, named),
        "sounds": State(labels[:60], {"audio": (tones, 8000), "labels": labels[:60]}, named),
        "multilabel": State(
            labels, {"inputs": images, "labels": flags}, {"class_names": named["class_names"], "task": "multilabel"}
        ),
        "tokens": State(
            np.array([len(sentence) % 3 for sentence in sentences]),
            {"texts": sentences, "labels": tags, "outputs": guesses},
            {"class_names": ["short", "middle", "long"], "subsets": {"with fox": '"fox" in words'}},
            widths=WIDTHS | {"head.fc2": 3},
        ),
        "ranking": State(
            labels,
            {"inputs": images, "labels": target, "outputs": (target + random.normal(size=899)).astype(np.float32)},
            {"task": "ranking"},
        ),
    }


def write_all(log_dir: Path) -> list[str]:
    """Writes every run into its directory; gives their names."""
    runs = states()
    for name, state in runs.items():
        write(log_dir / name, state)
    write(log_dir / "file-missing", State(runs["digits"].truth, runs["digits"].batch, {"sample": None}))
    for arrays in (log_dir / "file-missing" / "activis").glob("*.safetensors"):
        arrays.unlink()
    write_trained(log_dir, *digits(), *questions(400))
    return [*runs, "file-missing", *TRAINED]
