"""What is kept on disk: found by content, bounded, and never in the way."""

import logging
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.private_cache import VARIABLE, cache_directory
from tensorboard_activis.query.projection.disk_cache import DiskCache, _digest, content_key
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
    size = 128 + 32 + ARRAY.nbytes  # numpy's header and the digest
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
    (tmp_path / "k.npy").write_bytes(content + _digest("k", content))
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
    cache = DiskCache(tmp_path, limit=2 * (128 + 32 + ARRAY.nbytes))
    for key in "abc":
        cache.put(key, ARRAY)
    found = {path.name for path in tmp_path.iterdir()}
    assert (".old.part" in found, ".new.part" in found) == (False, True)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 * (128 + 32 + ARRAY.nbytes)


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
        DiskCache(disk / "cache").put("a", ARRAY)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        cache = DiskCache(disk / "cache")
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


@pytest.mark.slow
def test_two_processes_share_it(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", SHARING, str(tmp_path), str(seed)], stdout=-1, stderr=-1, text=True)
        for seed in (1, 2)
    ]
    ended = [(*process.communicate(timeout=300), process.returncode) for process in processes]
    assert [(errors, status) for _, errors, status in ended] == [("", 0)] * 2
    assert all(int(found) > 0 for found, _, _ in ended)
    DiskCache(tmp_path, limit=5_000).put("last", np.full(250, 0, np.float32))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 5_000


def test_no_code_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "k.npy", np.array([print], dtype=object), allow_pickle=True)
    content = (tmp_path / "k.npy").read_bytes()
    (tmp_path / "k.npy").write_bytes(content + _digest("k", content))
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


def test_it_is_the_users_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        DiskCache(tmp_path / "cache").put("k", ARRAY)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "cache" / "k.npy").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o755, 0o775, 0o777])
def test_what_an_older_version_left_open_is_closed(tmp_path: Path, mode: int) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(mode)
    (tmp_path / "cache" / "old.npy").write_bytes(b"")
    cache = DiskCache(tmp_path / "cache")
    assert cache.get("old") is None
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    cache.put("k", ARRAY)
    assert cache.get("k") is not None


def test_a_directory_of_other_things_keeps_its_rights(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    tmp_path.chmod(0o755)
    cache = DiskCache(tmp_path)
    cache.put("k", ARRAY)
    assert cache.get("k") is not None
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def assert_off(directory: Path, caplog: pytest.LogCaptureFixture, reason: str) -> None:
    before = sorted(path.name for path in directory.iterdir())
    cache = DiskCache(directory)
    with caplog.at_level(logging.WARNING):
        cache.put("a", ARRAY)
        assert cache.get("a") is None
        cache.put("b", ARRAY)
    (message,) = [record.getMessage() for record in caplog.records]
    assert reason in message
    assert f"Name another directory in {VARIABLE}" in message
    assert sorted(path.name for path in directory.iterdir()) == before


def test_a_link_is_not_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "target").mkdir(mode=0o700)
    (tmp_path / "cache").symlink_to(tmp_path / "target")
    assert_off(tmp_path / "cache", caplog, "it is a link or a file")


@pytest.mark.parametrize("mode", [0o1777, 0o777, 0o770])
def test_a_directory_that_others_write_to_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    (tmp_path / "theirs.txt").write_text("")
    tmp_path.chmod(mode)
    assert_off(tmp_path, caplog, "other users may write to it")


def test_a_directory_that_another_user_made_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    assert_off(tmp_path, caplog, "it belongs to another user")


def test_an_entry_that_is_not_what_was_kept_is_computed_again(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    cache.put("a", ARRAY)
    cache.put("b", 2 * ARRAY)
    whole = (tmp_path / "a.npy").read_bytes()
    for at in (0, len(whole) - 40, len(whole) - 1):  # header, values, digest
        (tmp_path / "a.npy").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert cache.get("a") is None
    for content in (whole[:-1], whole + b"x", (tmp_path / "b.npy").read_bytes()):
        (tmp_path / "a.npy").write_bytes(content)
        assert cache.get("a") is None
    (tmp_path / "a.npy").write_bytes(whole)
    np.testing.assert_array_equal(cache.get("a"), ARRAY)


def test_a_planted_entry_is_not_followed_and_is_replaced(tmp_path: Path) -> None:
    DiskCache(tmp_path / "other").put("k", ARRAY)
    (tmp_path / "cache").mkdir(mode=0o700)
    planted = tmp_path / "cache" / "k.npy"
    planted.symlink_to(tmp_path / "other" / "k.npy")
    cache = DiskCache(tmp_path / "cache")
    assert cache.get("k") is None
    cache.put("k", 2 * ARRAY)
    assert not planted.is_symlink()
    np.testing.assert_array_equal(DiskCache(tmp_path / "other").get("k"), ARRAY)
