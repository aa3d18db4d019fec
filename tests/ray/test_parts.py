"""How a data set is divided into parts."""

from types import SimpleNamespace
from typing import Any

import pytest

from tensorboard_activis.capture.ray.parts import parts


def blocks(*rows: int, size: int = 0) -> Any:
    """A data set whose blocks have so many rows, and as many bytes each as `size`."""
    entries = [
        SimpleNamespace(ref=f"block {at}", metadata=SimpleNamespace(num_rows=count, size_bytes=size))
        for at, count in enumerate(rows)
    ]
    bundles = [SimpleNamespace(blocks=[entry], slices=[None]) for entry in entries]
    context = SimpleNamespace(custom_execution_callback_classes=[])
    return SimpleNamespace(iter_internal_ref_bundles=lambda: iter(bundles), context=context)


def test_parts_grow() -> None:
    divided = list(parts(blocks(*[128] * 300), batch_size=64, at_once=2))
    assert [part.rows for part, _ in divided] == [512, 512, 1024, 1024, 2048, 2048, 4096, 4096, 8192, 8192, 6656]
    assert [part.first for part, _ in divided] == [0, 512, 1024, 2048, 3072, 5120, 7168, 11264, 15360, 23552, 31744]
    assert [part.number for part, _ in divided] == list(range(11))
    assert [ref for _, refs in divided for ref in refs] == [f"block {at}" for at in range(300)]


@pytest.mark.parametrize(("size", "rows"), [(0, [1000, 1100, 1900]), (64 << 20, [1000] * 4)])
def test_a_part_has_a_whole_batch(size: int, rows: list[int]) -> None:
    assert [part.rows for part, _ in parts(blocks(*[100] * 40, size=size), 1000, 1)] == rows


def test_a_part_has_no_more_bytes_than_it_must() -> None:
    assert [part.rows for part, _ in parts(blocks(*[100] * 10, size=32 << 20), 50, 2)] == [200] * 5
