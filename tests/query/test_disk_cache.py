"""What is kept on disk: found by content, bounded, and never in the way."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.query.disk_cache import VARIABLE, DiskCache, cache_directory, content_key

ARRAY = np.arange(14, dtype=np.float32).reshape(7, 2)


def test_an_array_comes_back_in_another_process(tmp_path: Path) -> None:
    DiskCache(tmp_path / "new").put("k", ARRAY)
    found = DiskCache(tmp_path / "new").get("k")
    assert found is not None
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, ARRAY)
    assert DiskCache(tmp_path / "new").get("other") is None
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["k.npy"]


def test_the_key_is_of_the_content(monkeypatch: pytest.MonkeyPatch) -> None:
    key = content_key(ARRAY, "tsne", 2)
    monkeypatch.setattr("tensorboard_activis.query.disk_cache._HASHED_AT_ONCE", 10)
    assert content_key(ARRAY.copy(), "tsne", 2) == content_key(np.asfortranarray(ARRAY), "tsne", 2) == key
    changed = ARRAY.copy()
    changed[6, 1] += 1
    others = [
        content_key(changed, "tsne", 2),
        content_key(ARRAY, "tsne", 3),
        content_key(ARRAY.reshape(2, 7), "tsne", 2),
    ]
    assert len({key, *others}) == 4
    assert content_key(ARRAY[:0])


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    size = 128 + ARRAY.nbytes  # numpy's header
    cache = DiskCache(tmp_path, limit=2 * size + ARRAY.nbytes)
    for moment, key in enumerate("ab"):
        cache.put(key, ARRAY)
        os.utime(tmp_path / f"{key}.npy", (moment, moment))
    assert cache.get("a") is not None  # used now
    cache.put("c", ARRAY)
    cache.put("d", ARRAY)
    assert {path.stem for path in tmp_path.iterdir()} == {"c", "d"} | (
        {"a"} if len(list(tmp_path.iterdir())) > 2 else set()
    )
    assert cache.get("b") is None
    cache.put("large", np.zeros(10_000))
    assert cache.get("large") is None


def test_a_full_disk_is_said_once_and_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    cache = DiskCache(tmp_path)
    with caplog.at_level(logging.WARNING):
        cache.put("a", ARRAY)
        cache.put("b", ARRAY)
    assert [record.getMessage() for record in caplog.records] == [
        f"Layouts are not kept for the next time: [Errno 28] No space left on device. Name another directory in {VARIABLE}."
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = DiskCache(tmp_path / "file" / "below")
    cache.put("a", ARRAY)
    assert cache.get("a") is None


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array", b"\x93NUMPY\x01\x00\xff\xff{"])
def test_a_damaged_file_is_as_if_nothing_were_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "k.npy").write_bytes(content)
    assert DiskCache(tmp_path).get("k") is None


def test_no_code_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "k.npy", np.array([print], dtype=object), allow_pickle=True)
    assert DiskCache(tmp_path).get("k") is None


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.setenv(VARIABLE, "")
    assert cache_directory() is None
    cache = DiskCache(cache_directory())
    cache.put("a", ARRAY)
    assert cache.get("a") is None
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg" / "tensorboard-activis"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory() == tmp_path / ".cache" / "tensorboard-activis"
