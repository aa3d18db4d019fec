"""Instance metadata of the user (id=, columns=): in expressions, in the table, and errors when it does not fit."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisError, ActiVisWarning, ConfigurationError
from tensorboard_activis.query.instances.table import Page, table_page
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.snapshots import by_id, counts, logged

LENGTHS = [index % 5 for index in range(17)]
WORDS = [f"w{index}" if index % 3 else None for index in range(17)]
EVEN = np.arange(17) % 2 == 0


class Stream(IterableDataset[Any]):
    """Instances one after the other."""

    def __init__(self, *tensors: torch.Tensor) -> None:
        self._tensors = tensors

    def __iter__(self) -> Any:
        return zip(*self._tensors, strict=True)


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(17, 4, generator=torch.Generator().manual_seed(1)), torch.arange(17) % 3


def loader(data: tuple[torch.Tensor, torch.Tensor], *, shuffle: bool = False) -> DataLoader[Any]:
    return DataLoader(TensorDataset(*data, torch.arange(17)), 5, shuffle=shuffle)


def first_two(batch: Any) -> tuple[Any, Any]:
    return batch[0], batch[1]


def test_columns_by_the_order_of_the_data(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    columns = {"length": LENGTHS, "word": WORDS, "even": EVEN, "my weight": np.linspace(0, 1, 17, dtype=np.float32)}
    snapshot = logged(
        tmp_path,
        nn.Linear(4, 3),
        loader(data),
        unpack=first_two,
        columns=columns,
        subsets={"long": "length > 2 and even", "named": "not isnull(word)", "heavy": 'col("my weight") >= 0.5'},
        sample=9,
    )
    long = sum(length > 2 and bool(even) for length, even in zip(LENGTHS, EVEN, strict=True))
    assert {name: counts(snapshot)[name] for name in ("long", "named", "heavy")} == {
        "long": long,
        "named": 11,
        "heavy": 9,
    }
    for row in snapshot.instances.to_pylist():
        index = row["id"]
        assert (row["length"], row["word"], row["even"]) == (LENGTHS[index], WORDS[index], EVEN[index])
    assert snapshot.where("length > 2 and even").tolist() == [
        LENGTHS[index] > 2 and bool(EVEN[index]) for index in snapshot.instances["id"].to_pylist()
    ]
    page = table_page(snapshot, Page(order="length", descending=True, limit=1))
    assert page.rows[0]["length"] == max(LENGTHS[index] for index in snapshot.instances["id"].to_pylist())


def test_columns_and_ids_by_functions_of_a_shuffled_batch(
    tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]
) -> None:
    torch.manual_seed(3)
    model = nn.Linear(4, 3)
    with ActiVisLogger(
        tmp_path,
        model,
        loader(data, shuffle=True),
        unpack=first_two,
        id=lambda batch: batch[2] + 100,
        columns=lambda batch: {"first": batch[0][:, 0], "square": batch[2] ** 2},
        subsets={"some": "square > 50"},
        strict=True,
    ) as logger:
        logger.log(1)
        logger.log(2)
    run = open_run(tmp_path)
    assert (
        run.snapshot(1)
        .instances.select(["id", "first", "square"])
        .equals(run.snapshot(2).instances.select(["id", "first", "square"]))
    )
    snapshot = run.latest
    assert sorted(snapshot.instances["id"].to_pylist()) == list(range(100, 117))
    assert by_id(snapshot, "square") == [index**2 for index in range(17)]
    np.testing.assert_allclose(by_id(snapshot, "first"), data[0][:, 0], rtol=1e-6)
    assert counts(snapshot)["some"] == 9
    with torch.no_grad():
        assert by_id(snapshot, "prediction") == model(data[0]).argmax(1).tolist()


def test_a_repeated_id_counts_once_and_is_said(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    ids = [*(f"i{index}" for index in range(12)), "i3", "i4", "i11", "x", "x"]
    model = nn.Linear(4, 3)
    snapshot = logged(tmp_path, model, loader(data), unpack=first_two, id=ids)
    first = [*range(12), 15]
    assert (snapshot.record.seen, snapshot.record.sample_size) == (13, 13)
    assert snapshot.record.notes == (
        "Instances with an id that came before: 4. They are taken to be the same and counted once.",
    )
    with torch.no_grad():
        logits = model(data[0][first])
    np.testing.assert_allclose(
        snapshot.summary(next(iter(snapshot.layers))).mean[0], logits.mean(0), rtol=1e-5, atol=1e-5
    )
    expected = nn.functional.cross_entropy(logits, data[1][first]).item()
    assert snapshot.record.metrics["loss"] == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert sorted(snapshot.instances["id"].to_pylist()) == sorted([*ids[:12], "x"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"columns": {"label": LENGTHS}},
            "'label', which is a column of ActiVis's own. Choose another name, such as 'my_label'",
        ),
        ({"columns": {"pinned": LENGTHS}}, "'pinned', which is a column of ActiVis's own"),
        ({"columns": {3: LENGTHS}}, "must have texts as names; got 3"),
        ({"columns": {"": LENGTHS}}, "must have texts as names"),
        ({"columns": {"length": LENGTHS[:9]}}, "columns has 9 values, but data holds 17 instances"),
        ({"columns": {"a": LENGTHS, "b": LENGTHS[:9]}}, "'a' has 17 values and 'b' has 9"),
        ({"columns": {"a": 3}}, "must be a function of a batch, or a sequence"),
        ({"columns": [1, 2]}, "columns must be a function of a batch, or map names to values"),
        ({"columns": lambda batch: {"a": [1]}}, "'a' needs 5 values, one for each instance; got 1"),
        ({"columns": lambda batch: batch["no"]}, "failed on the first batch"),
        ({"columns": lambda batch: {"a": [{}] * 5}}, "'a' holds struct<>|cannot be stored"),
        ({"columns": lambda batch: {"a": [1, "x", 2, 3, 4]}}, "'a' cannot be stored"),
        ({"columns": lambda batch: {"a": torch.zeros(5, 2)}}, r"'a' has the shape \(5, 2\)"),
        ({"id": LENGTHS[:9]}, "id has 9 values, but data holds 17 instances"),
        ({"id": 5}, "id must be a function of a batch, or a sequence"),
        ({"id": lambda batch: [1.5] * 5}, r"must be all texts or all whole numbers of 64 bits; got 1.5 \(float\)"),
        ({"id": lambda batch: [1, "a", 2, 3, 4]}, "must be all texts or all whole numbers"),
        ({"id": lambda batch: [2**70] * 5}, "64 bits"),
        ({"id": lambda batch: [1, 2]}, "2 ids for a batch of 5 instances"),
        (
            {"subsets": {"x": "lenght > 3"}, "columns": {"length": LENGTHS}},
            "there is no column lenght. Did you mean length",
        ),
    ],
)
def test_what_does_not_fit_is_said_before_training(
    tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ActiVisLogger(tmp_path, nn.Linear(4, 3), loader(data), unpack=first_two, **options)


@pytest.mark.parametrize("options", [{"columns": {"length": LENGTHS}}, {"id": list(range(17))}])
def test_what_goes_by_order_needs_an_order(
    tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor], options: dict[str, Any]
) -> None:
    stream = DataLoader(Stream(*data), 5)
    with pytest.raises(
        ConfigurationError, match="goes by the order of the data, but the data come shuffled or as a stream"
    ):
        ActiVisLogger(tmp_path, nn.Linear(4, 3), stream, **options)


def test_what_goes_by_order_goes_by_the_index_where_the_loader_shuffles(
    tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]
) -> None:
    shuffled, ids = loader(data, shuffle=True), [f"n{index}" for index in range(17)]
    model = nn.Linear(4, 3)
    snapshot = logged(tmp_path, model, shuffled, unpack=first_two, id=ids, columns={"length": LENGTHS})
    rows = [int(name.removeprefix("n")) for name in snapshot.instances["id"].to_pylist()]
    assert sorted(rows) == list(range(17))
    assert snapshot.instances["length"].to_pylist() == [LENGTHS[row] for row in rows]
    with torch.no_grad():
        expected = model(data[0])[rows].numpy()
    np.testing.assert_allclose(snapshot.activations(next(iter(snapshot.layers))), expected, atol=2e-3)


def test_columns_that_change_from_batch_to_batch(tmp_path: Path) -> None:
    batches = [(torch.randn(5, 4), 0), (torch.randn(5, 4), 1)]
    wrong: dict[str, Callable[[Any], Any]] = {
        "other": lambda batch: {f"c{batch[1]}": range(5)},
        "kind": lambda batch: {"c": [batch[1] and "text"] * 5},
        "fewer": lambda batch: {"c": range(5 - batch[1])},
    }
    messages = {
        "other": r"A batch has the columns 'c1', the ones before had 'c0'",
        "kind": "The column 'c' held numbers at first; now there are texts",
        "fewer": "The column 'c' needs 5 values, one for each instance; got 4",
    }
    for name, function in wrong.items():
        with (
            ActiVisLogger(
                tmp_path / name, nn.Linear(4, 3), batches, unpack=lambda batch: (batch[0], None), columns=function
            ) as logger,
            pytest.warns(ActiVisWarning, match=messages[name]),
        ):
            logger.log(1)
        assert not list((tmp_path / name / "activis").glob("*tfevents*"))


def test_a_stream_with_more_or_fewer_instances_than_ids(tmp_path: Path) -> None:
    batches = [torch.randn(5, 4), torch.randn(3, 4)]
    for given, message in (
        (7, "has 7 values, but data holds at least 8"),
        (9, "has 9 values, but data held 8 instances"),
    ):
        with pytest.raises(ActiVisError, match=message):
            logged(tmp_path / str(given), nn.Linear(4, 3), batches, id=list(range(given)))


def test_any_unicode(tmp_path: Path, data: tuple[torch.Tensor, torch.Tensor]) -> None:
    odd = ["\ud800", "nul \x00", "שלום‏", "🦋", "", "a\nb", '"quoted"', "\\", "' or True or '"]
    names = ["cl\udfffass", "\x00", "ש‏"]
    snapshot = logged(
        tmp_path,
        nn.Linear(4, 3),
        loader(data),
        unpack=first_two,
        class_names=names,
        id=[f"{odd[index % 9]}{index}" for index in range(17)],
        columns={"te\ud800xt": [odd[index % 9] for index in range(17)], "‏rtl": LENGTHS},
        texts=lambda batch: [odd[int(index) % 9] for index in batch[2]],
        subsets={"su\ud800bset": 'col("‏rtl") > 2'},
    )
    written = [text.replace("\ud800", "\\ud800") for text in odd]
    found = {row["id"]: row for row in snapshot.instances.to_pylist()}
    assert set(found) == {f"{written[index % 9]}{index}" for index in range(17)}
    for index in range(17):
        row = found[f"{written[index % 9]}{index}"]
        assert row["text"] == row["te\\ud800xt"] == written[index % 9]
        assert row["label"] == ["cl\\udfffass", "\x00", "ש‏"][index % 3]
    assert counts(snapshot)["su\\ud800bset"] == sum(length > 2 for length in LENGTHS)
    for subset in snapshot.record.subsets[1:4]:
        assert snapshot.where(subset.expression).sum() == subset.count
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table_page(snapshot, Page(order="te\\ud800xt"))
