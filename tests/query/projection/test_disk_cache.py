"""What is kept on disk: found by content, bounded, and never in the way."""

import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.query.projection.disk_cache import VARIABLE, DiskCache, cache_directory, content_key
from tests.faults.mounts import mounted, needs_linux

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
    monkeypatch.setattr("tensorboard_activis.query.projection.disk_cache._HASHED_AT_ONCE", 10)
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


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"no array",
        b"PK\x03\x04",
        b"\x93NUMPY\x01\x00\xff\xff{",
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}") + b"too short",
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (10**15,)}"),
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000000,)}"),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}") + b"cos\nsystem\n",
        header("("),
        header("\0"),
    ],
)
def test_a_damaged_file_is_as_if_nothing_were_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "k.npy").write_bytes(content)
    assert DiskCache(tmp_path).get("k") is None


def test_a_directory_that_is_deleted_meanwhile_is_made_again(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "cache")
    cache.put("a", ARRAY)
    shutil.rmtree(tmp_path / "cache")
    assert cache.get("a") is None
    cache.put("a", ARRAY)
    np.testing.assert_array_equal(cache.get("a"), ARRAY)


def test_what_a_killed_process_left_is_removed_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    for name, seconds in ((".old.part", 7200), (".new.part", 0)):
        (tmp_path / name).write_bytes(bytes(50))
        os.utime(tmp_path / name, (time.time() - seconds,) * 2)
    cache = DiskCache(tmp_path, limit=2 * (128 + ARRAY.nbytes))
    for key in "abc":
        cache.put(key, ARRAY)
    found = {path.name for path in tmp_path.iterdir()}
    assert (".old.part" in found, ".new.part" in found) == (False, True)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 * (128 + ARRAY.nbytes)


@needs_linux
def test_a_real_disk_that_is_full_and_has_room_again(caplog: pytest.LogCaptureFixture) -> None:
    with mounted("size=64k") as disk, caplog.at_level(logging.WARNING):
        cache = DiskCache(disk / "cache")
        cache.put("before", ARRAY)
        (disk / "filler").write_bytes(bytes(40_000))
        for key in "ab":
            cache.put(key, np.zeros(10_000, np.float32))
        assert [path.name for path in (disk / "cache").iterdir()] == ["before.npy"]
        np.testing.assert_array_equal(cache.get("before"), ARRAY)
        assert len(caplog.records) == 1
        (disk / "filler").unlink()
        cache.put("after", np.zeros(10_000, np.float32))
        assert cache.get("after") is not None


@needs_linux
def test_a_disk_that_is_mounted_for_reading_only() -> None:
    with mounted("size=64k") as disk:
        DiskCache(disk).put("a", ARRAY)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        cache = DiskCache(disk)
        np.testing.assert_array_equal(cache.get("a"), ARRAY)
        cache.put("b", ARRAY)
        assert cache.get("b") is None


#: Keeps and looks for arrays whose every value is their key, in too little room.
SHARING = """
import sys
from pathlib import Path
import numpy as np
from tensorboard_activis.query.projection.disk_cache import DiskCache
cache, found = DiskCache(Path(sys.argv[1]), limit=5_000), 0
for turn in range(400):
    key = (7 * turn + int(sys.argv[2])) % 20
    cache.put(str(key), np.full(250, key, np.float32))
    # What it kept the turn before, and what the other may have kept.
    for other in ((key - 7) % 20, (key + 3) % 20):
        got = cache.get(str(other))
        if got is not None:
            found += 1
            assert got.shape == (250,) and (got == other).all(), got
print(found)
"""


def test_two_processes_share_it(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", SHARING, str(tmp_path), str(seed)], stdout=-1, stderr=-1, text=True)
        for seed in (1, 2)
    ]
    ended = [(*process.communicate(timeout=100), process.returncode) for process in processes]
    assert [(errors, status) for _, errors, status in ended] == [("", 0)] * 2
    assert all(int(found) > 0 for found, _, _ in ended)
    DiskCache(tmp_path, limit=5_000).put("last", np.full(250, 0, np.float32))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 5_000


def test_no_code_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "k.npy", np.array([print], dtype=object), allow_pickle=True)
    assert DiskCache(tmp_path).get("k") is None


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.setenv(VARIABLE, "~there-is-no-such-user/cache")
    assert cache_directory() == Path("~there-is-no-such-user/cache")
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
