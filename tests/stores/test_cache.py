"""What is read from a store lies on disk: in bounds, with checksums, for the next process, under names that tell nothing."""

import os
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.errors import ActiVisWarning
from tensorboard_activis.stores import cached_object
from tensorboard_activis.stores.locations import location
from tensorboard_activis.stores.object_cache import DEFAULT_BYTES, VARIABLE, ObjectCache, object_cache
from tensorboard_activis.stores.path import StorePath
from tests.faults.victim import activations, log_with_recorder
from tests.stores.conftest import forget
from tests.stores.slow_store import SlowStore

RUN = "slow://bucket/runs/run1"
BLOCK = cached_object.BLOCK


def place(name: str, content: bytes) -> StorePath:
    """An object with this content."""
    SlowStore.replace(f"bucket/{name}", content)
    path = location(f"slow://bucket/{name}")
    assert isinstance(path, StorePath)
    path.parent.refresh()
    return path


def received() -> int:
    return sum(size for operation, _, size in SlowStore.requests if operation == "read")


def random_bytes(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def test_ranges_are_read_once_and_only_they(store: type[SlowStore], tmp_path: Path) -> None:
    content = random_bytes(10 * BLOCK + 77)
    path = place("large", content)
    opened = ObjectCache(tmp_path / "objects", 1 << 30).open(path)
    for begin, end in [
        (0, 8),
        (3 * BLOCK + 5, 3 * BLOCK + 9),
        (3 * BLOCK, 5 * BLOCK),
        (10 * BLOCK + 70, 10 * BLOCK + 77),
    ]:
        assert opened.read(begin, end) == content[begin:end]
        assert opened.mapped(begin, end).tobytes() == content[begin:end]
    assert received() == 3 * BLOCK + 77  # blocks 0, 3, 4 and the last
    assert opened.read(10 * BLOCK, 99 * BLOCK) == content[10 * BLOCK :]
    assert os.stat(next((tmp_path / "objects").iterdir())).st_blocks * 512 < 5 * BLOCK


def test_neighbouring_blocks_are_one_request_and_large_ranges_run_at_once(
    store: type[SlowStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_object, "_REQUEST", 2 * BLOCK)
    content = random_bytes(7 * BLOCK)
    opened = ObjectCache(tmp_path, 1 << 30).open(place("large", content))
    assert opened.read(4 * BLOCK, 4 * BLOCK + 1) == content[4 * BLOCK : 4 * BLOCK + 1]
    store.requests.clear()
    assert opened.read(0, 7 * BLOCK) == content
    assert [operation for operation, _, _ in store.requests] == ["read"]
    assert received() == 6 * BLOCK


def test_the_next_process_asks_for_nothing_again(store: type[SlowStore]) -> None:
    log = log_with_recorder(RUN, 1)
    log(1)
    log.close()  # type: ignore[attr-defined]
    for again in (False, True):
        forget()
        store.requests.clear()
        snapshot = open_run(RUN).latest
        order = np.argsort(np.asarray(snapshot.instances["id"]))
        np.testing.assert_allclose(snapshot.activations("stem")[order], activations(1, 1)[0], rtol=2e-3, atol=2e-3)
        assert (received() == 0) == again


def test_an_object_that_was_replaced_is_read_anew(store: type[SlowStore], tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 1 << 30)
    assert cache.open(place("one", b"before")).read(0, 6) == b"before"
    store.store["/bucket/one"].modified = store.store["/bucket/one"].modified.replace(year=2020)
    assert cache.open(place("one", b"behind")).read(0, 6) == b"behind"


@pytest.mark.parametrize("spoil", ["byte", "table", "short", "empty"])
def test_a_damaged_file_of_the_cache_is_read_anew(store: type[SlowStore], tmp_path: Path, spoil: str) -> None:
    content = random_bytes(2 * BLOCK + 5)
    path = place("one", content)
    assert ObjectCache(tmp_path, 1 << 30).open(path).read(0, len(content)) == content
    (file,) = tmp_path.iterdir()
    stored = bytearray(file.read_bytes())
    if spoil == "byte":
        stored[BLOCK + 1] ^= 1
    elif spoil == "table":
        stored[-12:] = b"\xff" * 12
    else:
        del stored[BLOCK if spoil == "short" else 0 :]
    file.write_bytes(stored)
    assert ObjectCache(tmp_path, 1 << 30).open(path).read(0, len(content)) == content


def test_the_least_recently_used_go_first(store: type[SlowStore], tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 4 * BLOCK)
    paths = [place(f"object {number}", random_bytes(BLOCK, number)) for number in range(8)]
    for number, path in enumerate(paths):
        cache.open(path).read(0, BLOCK)
        for file in tmp_path.iterdir():  # as if time had gone by
            os.utime(file, ns=(os.stat(file).st_atime_ns - 10**10, os.stat(file).st_mtime_ns - 10**10))
        if number >= 2:
            cache.open(paths[0])
    assert sum(os.stat(file).st_blocks * 512 for file in tmp_path.iterdir()) <= 4 * BLOCK
    store.requests.clear()
    assert cache.open(paths[0]).read(0, BLOCK) == random_bytes(BLOCK, 0)
    assert cache.open(paths[7]).read(0, BLOCK) == random_bytes(BLOCK, 7)
    assert received() == 0
    assert cache.open(paths[1]).read(0, BLOCK) == random_bytes(BLOCK, 1)
    assert received() == BLOCK


def test_what_is_open_is_read_on_after_it_was_removed(store: type[SlowStore], tmp_path: Path) -> None:
    content = random_bytes(6 * BLOCK)
    opened = ObjectCache(tmp_path, BLOCK).open(place("one", content))
    mapped = opened.mapped(0, 3 * BLOCK)
    assert opened.read(3 * BLOCK, 6 * BLOCK) == content[3 * BLOCK :]
    assert mapped.tobytes() == content[: 3 * BLOCK]


def test_without_a_directory_it_works_and_leaves_nothing(
    store: type[SlowStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.write_text("a file")
    content = random_bytes(BLOCK)
    for cache in (ObjectCache(None, 1 << 30), ObjectCache(closed / "objects", 1 << 30)):
        assert cache.open(place("one", content)).read(0, BLOCK) == content
    assert list(tmp_path.iterdir()) == [closed]


def test_names_and_files_tell_nobody_anything(store: type[SlowStore], tmp_path: Path) -> None:
    ObjectCache(tmp_path / "objects", 1 << 30).open(place("secret-project", b"content")).read(0, 7)
    (file,) = (tmp_path / "objects").iterdir()
    assert "secret" not in file.name
    assert "bucket" not in file.name
    assert b"secret" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_the_limit_is_the_environments(store: type[SlowStore], monkeypatch: pytest.MonkeyPatch) -> None:
    for text, expected in (("", DEFAULT_BYTES), ("12345", 12_345)):
        monkeypatch.setenv(VARIABLE, text)
        object_cache.cache_clear()
        assert object_cache()._limit == expected
    monkeypatch.setenv(VARIABLE, "4 GB")
    object_cache.cache_clear()
    with pytest.warns(ActiVisWarning, match=f"{VARIABLE} must be a number of bytes, such as 4294967296; got '4 GB'"):
        assert object_cache()._limit == DEFAULT_BYTES
