"""unit="position": every token or place is an instance. Values are those of plain hooks and torch's losses, by instance id."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.check.command import run_check
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.sequences import GPT_LAYERS, IGNORED, check_layers, gpt, needs_transformers, plain, sentences
from tests.torch.snapshots import counts, logged


@needs_transformers
def test_a_causal_language_model(tmp_path: Path) -> None:
    model = gpt()
    batches = [sentences([9, 1, 4], 61, 1), sentences([3, 5], 61, 2)]
    for batch in batches:
        batch["labels"] = torch.where(batch["attention_mask"].bool(), batch["input_ids"], IGNORED)
    subsets = {
        "early": "position < 2",
        "word": 'token == "7" or token == "19"',
        "hard": "loss > 4.1 and not correct",
        "long": '"a long one" in text',
        "second": "kind == 1",
    }
    texts = ["a long one", "short", "a long one", "x", "y"]
    snapshot = logged(
        tmp_path,
        model,
        batches,
        unit="position",
        layers=GPT_LAYERS,
        subsets=subsets,
        sample=15,
        texts=lambda batch: texts[:3] if len(batch["labels"]) == 3 else texts[3:],
        columns={"kind": [0, 1, 0, 1, 1]},
    )
    found = plain(model, batches, GPT_LAYERS)
    check_layers(snapshot, found, GPT_LAYERS)
    assert (snapshot.record.unit, snapshot.record.task, snapshot.record.sample_size) == ("position", "tokens", 15)
    for one, place in found.items():
        after = found.get(f"{place['sequence']}:{place['position'] + 1}")
        place["label"] = None if after is None else after["token"]
        place["prediction"] = int(place["logits"].argmax())
        if after is not None:
            target = torch.tensor([after["token"]])
            place["loss"] = F.cross_entropy(place["logits"][None], target).item()
        assert one == f"{place['sequence']}:{place['position']}"
    rows = snapshot.instances.to_pylist()
    for row in rows:
        own = found[row["id"]]
        label = None if own["label"] is None else str(own["label"])
        correct = None if label is None else own["label"] == own["prediction"]
        assert (row["token"], row["position"], row["sequence"]) == (str(own["token"]), own["position"], own["sequence"])
        assert (row["label"], row["prediction"], row["correct"]) == (label, str(own["prediction"]), correct)
        assert row["loss"] == pytest.approx(own.get("loss", float("nan")), rel=1e-4, abs=1e-5, nan_ok=True)
        assert row["score"] == pytest.approx(own["logits"].softmax(0).max().item(), rel=1e-4, abs=1e-5)
        assert (row["text"], row["kind"]) == (texts[own["sequence"]], [0, 1, 0, 1, 1][own["sequence"]])
        words = [other["token"] for other in found.values() if other["sequence"] == own["sequence"]]
        assert row["before"] + row["token"] + row["after"] == " ".join(map(str, words))
    known = [own for own in found.values() if own["label"] is not None]
    assert snapshot.record.metrics["loss"] == pytest.approx(np.mean([own["loss"] for own in known]), rel=1e-4, abs=1e-5)
    right = [own["label"] == own["prediction"] for own in known]
    assert snapshot.record.metrics["accuracy"] == pytest.approx(np.mean(right))
    assert counts(snapshot) == {
        "all": len(found),
        "correct": sum(right),
        "wrong": len(right) - sum(right),
        "early": sum(own["position"] < 2 for own in found.values()),
        "word": sum(own["token"] in (7, 19) for own in found.values()),
        "hard": sum(own["loss"] > 4.1 and own["label"] != own["prediction"] for own in known),
        "long": 9 + 4,
        "second": 1 + 3 + 5,
    }
    # The same in queries, over the sample.
    mask = snapshot.where('"a long one" in text and position < 2')
    assert mask.tolist() == [row["text"] == "a long one" and row["position"] < 2 for row in rows]
    assert run_check(tmp_path) == 0


@needs_transformers
def test_padding_and_batches_make_no_difference(tmp_path: Path) -> None:
    """Nor which side the padding is on: the same ids are kept, with the same values."""
    model = gpt()
    lengths = [4, 2, 6, 1, 5]
    whole = sentences(lengths, 61, 3)
    tables = []
    for name, batches in (
        ("once", [whole]),
        (
            "parts",
            [{key: value[:2, :4] for key, value in whole.items()}, {key: value[2:] for key, value in whole.items()}],
        ),
    ):
        for batch in batches:
            batch["labels"] = torch.where(batch["attention_mask"].bool(), batch["input_ids"], IGNORED)
        snapshot = logged(tmp_path / name, model, batches, unit="position", layers=GPT_LAYERS, sample=7)
        tables.append(snapshot.instances.select(["id", "token", "label", "prediction"]).to_pylist())
    assert tables[0] == tables[1]
    left = sentences(lengths, 61, 3, left=True)
    for row, length in enumerate(lengths):
        left["input_ids"][row, 6 - length :] = whole["input_ids"][row, :length]
    left["labels"] = torch.where(left["attention_mask"].bool(), left["input_ids"], IGNORED)
    snapshot = logged(tmp_path / "left", model, [left], unit="position", layers=GPT_LAYERS, sample=7)
    assert snapshot.instances.select(["id", "token", "label"]).to_pylist() == [
        {name: row[name] for name in ("id", "token", "label")} for row in tables[0]
    ]


class Tokenizer:
    """Words and their parts, as WordPiece has them."""

    words = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cap", "##ital", "of", "Paris")

    def convert_ids_to_tokens(self, token: int) -> str:
        return self.words[token] if token < len(self.words) else "word"

    def batch_decode(self, ids: list[list[int]]) -> list[str]:
        return [" ".join(map(self.convert_ids_to_tokens, one)) for one in ids]


@needs_transformers
def test_a_masked_language_model(tmp_path: Path) -> None:
    import transformers

    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=1_100,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
    )
    model = transformers.BertForMaskedLM(config).eval()
    batch = {
        "input_ids": torch.tensor([[2, 5, 4, 7, 8, 9, 3], [2, 9, 4, 3, 0, 0, 0]]),
        "attention_mask": torch.tensor([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]]),
        "labels": torch.tensor([[IGNORED, IGNORED, 6, *[IGNORED] * 4], [IGNORED, IGNORED, 8, *[IGNORED] * 4]]),
    }
    layers = ["bert.encoder.layer.0"]
    snapshot = logged(tmp_path, model, [batch], unit="position", layers=layers, tokenizer=Tokenizer(), task="tokens")
    found = plain(model, [batch], layers)
    check_layers(snapshot, found, layers)
    rows = {row["id"]: row for row in snapshot.instances.to_pylist()}
    assert [rows[f"0:{place}"]["token"] for place in range(7)] == [
        "[CLS]",
        "the",
        "[MASK]",
        "ital",
        "of",
        "Paris",
        "[SEP]",
    ]
    assert (rows["0:3"]["before"], rows["0:3"]["after"]) == ("[CLS] the [MASK]", " of Paris [SEP]")
    assert rows["0:2"]["label"] == "cap"
    assert {one for one, row in rows.items() if row["label"] is not None} == {"0:2", "1:2"}
    losses = [
        F.cross_entropy(found[one]["logits"][None], torch.tensor([label])).item()
        for one, label in (("0:2", 6), ("1:2", 8))
    ]
    assert [rows[one]["loss"] for one in ("0:2", "1:2")] == pytest.approx(losses, rel=1e-4, abs=1e-5)
    assert snapshot.record.metrics["loss"] == pytest.approx(np.mean(losses), rel=1e-4, abs=1e-5)
    assert snapshot.where('"Paris" in text').sum() == 11
    # A vocabulary is no set of classes.
    assert set(counts(snapshot)) == {"all", "correct", "wrong"}


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, 6)
        self.hidden = nn.Linear(6, 5)
        self.pool = nn.Linear(5, 4)
        self.head = nn.Linear(5, 3)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        hidden = self.hidden(self.embed(input_ids)).relu()
        self.pool(hidden.mean(1))
        return self.head(hidden)


@pytest.mark.parametrize("watched", [False, True])
def test_a_tagger_has_classes(tmp_path: Path, watched: bool) -> None:
    torch.manual_seed(0)
    model, batch = Tagger().eval(), sentences([4, 7, 2], 30, 5)
    labels = torch.randint(0, 3, (3, 7), generator=torch.Generator().manual_seed(6))
    labels[:, 0] = IGNORED
    options: dict[str, Any] = {"unit": "position", "class_names": ["O", "PER", "LOC"], "strict": True}
    options["layers"] = ["hidden", "pool"]
    if watched:
        with ActiVisLogger(tmp_path, model, **options) as logger, logger.watch(1) as watch:
            model(**batch)
            watch.batch(labels=labels, ids=["a", "b", "c"])
    else:
        with ActiVisLogger(tmp_path, model, [batch | {"labels": labels}], id=["a", "b", "c"], **options) as logger:
            logger.log(1)
    snapshot = open_run(tmp_path).latest
    assert not [note for note in snapshot.notes if "labels" in note]  # that some are -100 is as it should be
    assert (snapshot.record.task, list(snapshot.layers)) == ("classification", ["hidden"])
    assert [note for note in snapshot.notes if "pool" in note and "no row for each position" in note]
    with torch.no_grad():
        logits, hidden = model(batch["input_ids"]), model.hidden(model.embed(batch["input_ids"]))
    real = [(row, place) for row, length in enumerate([4, 7, 2]) for place in range(length)]
    rows = snapshot.instances.to_pylist()
    assert {row["id"] for row in rows} == {f"{'abc'[row]}:{place}" for row, place in real}
    for index, row in enumerate(rows):
        sequence, place = "abc".index(row["sequence"]), row["position"]
        np.testing.assert_allclose(snapshot.activations("hidden")[index], hidden[sequence, place], rtol=1e-3, atol=1e-3)
        label = int(labels[sequence, place])
        assert row["label"] == (None if label < 0 else options["class_names"][label])
        assert row["prediction"] == options["class_names"][int(logits[sequence, place].argmax())]
    for number, name in enumerate(options["class_names"]):
        assert counts(snapshot)[name] == sum(int(labels[place]) == number for place in real)
        members = [place for place in real if int(labels[place]) == number]
        mean = np.mean([hidden[place].numpy() for place in members], axis=0)
        place = [subset.name for subset in snapshot.record.subsets].index(name)
        np.testing.assert_allclose(snapshot.summary("hidden").mean[place], mean, rtol=1e-4, atol=1e-5)


class Segmenter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.down = nn.Conv2d(4, 5, 3, stride=2, padding=1)
        self.head = nn.Conv2d(9, 3, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        full = self.stem(x).relu()
        coarse = F.interpolate(self.down(full), x.shape[2:])
        return {"out": self.head(torch.cat([full, coarse], 1))}


def test_segmentation(tmp_path: Path) -> None:
    """A place of an image is an instance; layers of another resolution are left out, and said to be."""
    torch.manual_seed(0)
    model, images = Segmenter().eval(), torch.rand(3, 3, 8, 6, generator=torch.Generator().manual_seed(7))
    labels = torch.randint(0, 3, (3, 8, 6), generator=torch.Generator().manual_seed(8))
    labels[0, 0] = IGNORED
    snapshot = logged(
        tmp_path,
        model,
        [(images[:2], labels[:2]), (images[2:], labels[2:])],
        unit="position",
        layers=["stem", "down", "head"],
        subsets={"left": "x < 2", "first": "sequence == 0 and y == 1"},
    )
    assert list(snapshot.layers) == ["stem", "head"]
    assert [note for note in snapshot.notes if "no row for each position: down" in note]
    with torch.no_grad():
        stem, logits = model.stem(images), model(images)["out"]
    assert snapshot.record.seen == 3 * 48
    for index, row in enumerate(snapshot.instances.to_pylist()):
        image, y, x = row["sequence"], row["y"], row["x"]
        assert (row["id"], row["position"]) == (f"{image}:{6 * y + x}", 6 * y + x)
        np.testing.assert_allclose(snapshot.activations("stem")[index], stem[image, :, y, x], rtol=2e-3, atol=1e-3)
        label = int(labels[image, y, x])
        assert row["label"] == (None if label < 0 else label)
        assert row["prediction"] == int(logits[image, :, y, x].argmax())
        assert row["image"][:4] == b"\x89PNG"
    assert snapshot.record.metrics["loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-4, abs=1e-5)
    flat = stem.permute(0, 2, 3, 1).reshape(-1, 4)
    np.testing.assert_allclose(snapshot.summary("stem").mean[0], flat.mean(0), rtol=1e-4, atol=1e-5)
    found = counts(snapshot)
    assert (found["left"], found["first"]) == (3 * 8 * 2, 6)
    assert [found[str(one)] for one in range(3)] == [int((labels == one).sum()) for one in range(3)]


def test_labels_that_are_neither_classes_nor_ignored_are_said(tmp_path: Path) -> None:
    model, batch = Tagger().eval(), sentences([4, 7, 2], 30, 5)
    labels = torch.full((3, 7), IGNORED)
    labels[0, :2], labels[1, :4] = -5, 2
    snapshot = logged(tmp_path, model, [batch | {"labels": labels}], unit="position", layers=["hidden"])
    assert snapshot.notes == (
        "Labels that are missing or none of the 3 classes: 2. Their instances count in no class.",
    )
    assert counts(snapshot)["2"] == 4


@needs_transformers
def test_odd_sequences(tmp_path: Path) -> None:
    """A sequence of one token, one that is masked as a whole, no label anywhere, and a text of 8,192 tokens."""
    model = gpt()
    batch = sentences([1, 5], 61, 9)
    batch["attention_mask"][1] = 0
    batch["labels"] = torch.full_like(batch["input_ids"], IGNORED)
    snapshot = logged(tmp_path / "masked", model, [batch], unit="position", layers=GPT_LAYERS)
    assert (snapshot.record.seen, snapshot.instances["id"].to_pylist()) == (1, ["0:0"])
    assert snapshot.instances["before"].to_pylist() == snapshot.instances["after"].to_pylist() == [""]
    torch.manual_seed(0)
    tagger = Tagger()
    long = torch.randint(0, 30, (2, 8_192), generator=torch.Generator().manual_seed(10))
    nothing = torch.full_like(long, IGNORED)
    snapshot = logged(tmp_path / "long", tagger, [(long, nothing)], unit="position", layers=["hidden"], sample=50)
    assert (snapshot.record.seen, snapshot.record.sample_size) == (2 * 8_192, 50)
    rows = snapshot.instances.to_pylist()
    assert all(row["label"] is None and len(row["before"]) < 100 for row in rows)
    with torch.no_grad():
        everything = tagger.hidden(tagger.embed(long)).reshape(-1, 5)
    np.testing.assert_allclose(snapshot.summary("hidden", 1).mean[0], everything.mean(0), rtol=1e-4, atol=1e-5)


def test_a_sequence_that_comes_twice_counts_once(tmp_path: Path) -> None:
    model, batch = Tagger(), sentences([3, 2, 4], 30, 11)
    batch["labels"] = torch.zeros_like(batch["input_ids"])
    snapshot = logged(tmp_path, model, [batch], unit="position", id=["a", "b", "a"], layers=["hidden"])
    assert sorted(snapshot.instances["id"].to_pylist()) == ["a:0", "a:1", "a:2", "b:0", "b:1"]
    assert any("Instances with an id that came before: 4" in note for note in snapshot.notes)


def test_pinned_sequences_are_pinned_tokens(tmp_path: Path) -> None:
    model, batch = Tagger(), sentences([3, 2], 30, 12)
    batch["labels"] = torch.zeros_like(batch["input_ids"])
    options: dict[str, Any] = {"unit": "position", "pinned": [batch], "sample": 2, "layers": ["hidden"]}
    snapshot = logged(tmp_path / "numbers", model, [batch], **options)
    assert (snapshot.record.sample_size, snapshot.record.pinned, snapshot.record.seen) == (2, 5, 5)
    assert snapshot.instances["id"].to_pylist()[2:] == ["-1:0", "-1:1", "-1:2", "-2:0", "-2:1"]
    named = [batch | {"name": ["a", "b"]}]
    snapshot = logged(
        tmp_path / "texts",
        model,
        named,
        id=lambda one: one.get("name"),
        unpack=lambda one: ({name: one[name] for name in ("input_ids", "attention_mask")}, one["labels"]),
        **options,
    )
    assert snapshot.instances["id"].to_pylist()[2:] == [
        "pinned 1:0",
        "pinned 1:1",
        "pinned 1:2",
        "pinned 2:0",
        "pinned 2:1",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": "token"}, "unit must be 'instance', or 'position'"),
        ({"unit": "position", "reducer": "max"}, "nothing to reduce"),
        ({"unit": "position", "layers": ["pool"]}, "none of the layers has a row for each position; looked at: pool"),
        ({"unit": "position", "columns": {"token": ["x", "y"]}}, "columns has 'token'"),
        ({"unit": "position", "tokenizer": 3}, "tokenizer must be a tokenizer"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    batch = sentences([3, 2], 30, 13)
    batch["labels"] = torch.zeros_like(batch["input_ids"])
    with pytest.raises(ConfigurationError, match=message):
        ActiVisLogger(tmp_path, Tagger(), [batch], **options)


def test_inputs_without_positions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="none of the layers has a row for each position"):
        ActiVisLogger(tmp_path, nn.Linear(4, 2), [(torch.rand(5, 4), torch.zeros(5).long())], unit="position")


def test_a_layer_whose_positions_change_is_left_out(tmp_path: Path) -> None:
    class Halving(Tagger):
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
            hidden = self.hidden(self.embed(input_ids)).relu()
            self.pool(hidden if input_ids.shape[1] < 6 else hidden[:, ::2])
            return self.head(hidden)

    batches = [sentences([3, 2], 30, 14), sentences([8, 5], 30, 15)]
    for batch in batches:
        batch["labels"] = torch.zeros_like(batch["input_ids"])
    snapshot = logged(tmp_path, Halving(), batches, unit="position", layers=["hidden", "pool"])
    assert any(
        "'pool' is unknown for 2 instances. Its output has [4] positions where there are [8]." in one
        for one in snapshot.notes
    )
    assert snapshot.summary("hidden", 1).count[0, 0] == 18
    assert snapshot.summary("pool", 1).count[0, 0] == 5
