"""Evaluation instances in the training data: by content, by distance, of images, token ids, texts and several inputs."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tensorboard_activis.capture.instances import training_data
from tensorboard_activis.capture.instances.training_data import TrainingData, sketch, with_training_columns
from tensorboard_activis.errors import ActiVisError


def found(training: TrainingData, contents: list[list[Any]]) -> list[tuple[str, int | None]]:
    columns = training.columns(contents)
    return list(zip(columns["in_training"], columns["training_row"], strict=True))


def test_images_by_content_and_by_distance() -> None:
    random = np.random.default_rng(0)
    images = random.random((300, 3, 8, 8)).astype(np.float32)
    noisy = images[7] + 0.02 * random.standard_normal((3, 8, 8)).astype(np.float32)
    far = images[7] + 0.5 * random.standard_normal((3, 8, 8)).astype(np.float32)
    training = TrainingData([image] for image in images)
    assert training.record.instances == 300
    assert training.record.complete
    assert found(training, [[images[42]], [noisy], [far]]) == [("same", 42), ("near", 7), ("no", None)]
    others = random.random((100, 3, 8, 8)).astype(np.float32)
    assert {kind for kind, _ in found(training, [[image] for image in others])} == {"no"}


def test_large_images_are_averaged_before() -> None:
    random = np.random.default_rng(0)
    images = random.random((40, 3, 60, 60)).astype(np.float32)
    training = TrainingData([image] for image in images)
    assert found(training, [[images[3] + 1e-3], [images[4]]]) == [("near", 3), ("same", 4)]


def test_token_ids_with_other_padding_and_with_one_token_changed() -> None:
    random = np.random.default_rng(0)
    texts = [random.integers(1, 5_000, int(random.integers(20, 40))) for _ in range(200)]
    training = TrainingData([text] for text in texts)
    padded = np.pad(texts[11], (0, 9))
    changed = texts[12].copy()
    changed[4] = 4_999
    assert found(training, [[padded], [changed], [texts[13][::-1]]]) == [("same", 11), ("near", 12), ("near", 13)]
    others = [[random.integers(1, 5_000, 30)] for _ in range(50)]
    assert {kind for kind, _ in found(training, others)} == {"no"}


def test_texts_and_several_inputs() -> None:
    words = [f"w{index}" for index in range(500)]
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(words, 25)) for _ in range(100)]
    training = TrainingData([np.array(text, object), np.float32(index)] for index, text in enumerate(texts))
    other_case = [np.array(texts[5].upper(), object), np.float32(5)]
    assert found(training, [[np.array(texts[5], object), np.float32(5)], other_case]) == [("same", 5), ("near", 5)]


def test_of_equal_training_instances_the_first_counts() -> None:
    random = np.random.default_rng(0)
    values = random.random((50, 30)).astype(np.float32)
    values[30] = values[10]
    near = values[10] + 1e-3
    training = TrainingData([value] for value in values)
    assert found(training, [[values[30]], [near]]) == [("same", 10), ("near", 10)]


def test_reading_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_data, "MOST_INSTANCES", 20)

    def endless() -> Iterator[list[np.ndarray]]:
        number = 0
        while True:
            yield [np.full(4, number, np.float32)]
            number += 1

    training = TrainingData(endless())
    assert (training.record.instances, training.record.complete) == (20, False)
    assert not TrainingData(endless(), seconds=-1).record.instances


def test_odd_content() -> None:
    values = [np.array([np.nan, 1], np.float32), np.array([np.inf, 1], np.float32), np.zeros(2, np.float32)]
    training = TrainingData([value] for value in values)
    assert found(training, [[values[0]], [values[2] + 1]])[0] == ("same", 0)
    for odd in ([], [np.zeros(0)], [np.array(1 + 2j)], [np.array(None, object)]):
        assert TrainingData([odd]).columns([odd])["in_training"] == ["same"]
    empty = TrainingData([])
    assert found(empty, [[values[2]]]) == [("no", None)]


def test_distances_of_sketches_are_about_those_of_the_content() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(40, 200)).astype(np.float32)
    vectors = np.stack([sketch([value]) for value in values])
    ratios = [
        np.linalg.norm(vectors[i] - vectors[j]) / np.linalg.norm(values[i] - values[j])
        for i in range(40)
        for j in range(i)
    ]
    assert min(ratios) > 0.7
    assert max(ratios) < 1.35


def test_a_column_of_the_user_with_that_name() -> None:
    training = TrainingData([[np.zeros(3)]])
    with pytest.raises(ActiVisError, match="columns has 'in_training', which is what train_data= gives"):
        with_training_columns({"in_training": [1]}, training, iter([[np.zeros(3)]]))
    assert with_training_columns({"a": [1]}, None, iter([])) == {"a": [1]}


IMAGES = np.random.default_rng(4).integers(0, 256, (40, 6, 6, 3)).astype(np.uint8)
FORMS = {
    "bytes": lambda images: images,
    "float32": lambda images: images.astype(np.float32) / np.float32(255),
    "float64": lambda images: images / 255,
    "float16": lambda images: (images / 255).astype(np.float16),
    "raw": lambda images: images.astype(np.float32),
}


@pytest.mark.parametrize(
    ("trained", "evaluated", "kind"),
    [
        *(("bytes", form, "same") for form in FORMS),
        *(("float32", form, "same") for form in ("bytes", "float32", "float64")),
        ("float32", "float16", "near"),
        ("float16", "float32", "near"),
        ("raw", "raw", "same"),
    ],
)
def test_images_of_other_types(trained: str, evaluated: str, kind: str) -> None:
    """Bytes beside shares of 255 in any width: rows 5 and 30 are found, and no others."""
    others = np.random.default_rng(5).integers(0, 256, (10, 6, 6, 3)).astype(np.uint8)
    shown = np.concatenate([IMAGES[[5, 30]], others])
    training = TrainingData([one] for one in FORMS[trained](IMAGES))
    columns = training.columns([one] for one in FORMS[evaluated](shown))
    assert columns["training_row"] == [5, 30] + [None] * 10
    assert columns["in_training"] == [kind] * 2 + ["no"] * 10


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.uint8, np.int32, np.int64, np.uint32])
def test_token_ids_of_any_width(kind: type) -> None:
    ids = np.random.default_rng(6).integers(1, 120, (30, 12))
    training = TrainingData([one] for one in ids)
    other: np.ndarray = np.random.default_rng(7).integers(1, 120, 12).astype(kind)
    padded: np.ndarray = np.append(ids[9], 0).astype(kind)
    assert found(training, [[padded], [other]]) == [("same", 9), ("no", None)]


def test_large_unsigned_ids_and_what_is_not_finite_are_compared_as_they_are() -> None:
    ids = np.full((2, 3), 2**63, np.uint64) + np.arange(2, dtype=np.uint64)[:, None]
    assert TrainingData([one] for one in ids).columns([[ids[1]]])["training_row"] == [1]
    images = np.full((3, 4, 4), np.nan)
    assert TrainingData([one] for one in IMAGES).columns([one] for one in images)["in_training"] == ["no"] * 3
