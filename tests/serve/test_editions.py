"""A run's event files are another edition once they were replaced, not when they grow."""

import os
import shutil
from pathlib import Path

import pytest

from tensorboard_activis.serve.editions import Editions


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    run = tmp_path / "run" / "activis"
    run.mkdir(parents=True)
    (run / "events.out.tfevents.1").write_bytes(b"first")
    return run


def test_it_stays_while_files_grow_and_come(directory: Path) -> None:
    editions = Editions()
    number = editions.edition(directory)
    assert number > 0
    with (directory / "events.out.tfevents.1").open("ab") as file:
        file.write(b"second")
    assert editions.edition(directory) == number
    (directory / "events.out.tfevents.2").write_bytes(b"third")
    (directory / "step-0000000001-a.safetensors").write_bytes(b"no event file")
    assert editions.edition(directory) == number
    assert editions.edition(None) == 0


def test_it_changes_when_a_file_goes_shrinks_or_is_another(directory: Path) -> None:
    path = directory / "events.out.tfevents.1"
    editions = Editions()
    numbers = [editions.edition(directory)]
    path.write_bytes(b"1st")
    numbers.append(editions.edition(directory))
    times = os.stat(path)
    path.write_bytes(b"2nd")  # of the same size, and as old as before
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    numbers.append(editions.edition(directory))
    path.rename(path.with_name("events.out.tfevents.0"))
    numbers.append(editions.edition(directory))
    shutil.copytree(directory, directory.parent / "copy")
    shutil.rmtree(directory)
    shutil.copytree(directory.parent / "copy", directory)
    numbers.append(editions.edition(directory))
    shutil.rmtree(directory)
    numbers.append(editions.edition(directory))
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("settled", [True, False])
def test_files_that_come_to_a_directory_that_was_unchanged_are_noticed(directory: Path, settled: bool) -> None:
    """A directory that has been as it is for some time is not listed again."""

    def change(second: int) -> None:
        if settled:
            os.utime(directory, (second, second))

    editions, more = Editions(), directory / "events.out.tfevents.2"
    change(1_000)
    number = editions.edition(directory)
    more.write_bytes(b"second")
    change(2_000)
    assert [editions.edition(directory) for _ in range(2)] == [number, number]
    more.write_bytes(b"2nd")  # in place, which changes no directory
    change(2_000)
    assert editions.edition(directory) != number


def test_what_was_forgotten_is_another_edition(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.serve.editions._RUNS", 1)
    editions = Editions()
    number = editions.edition(directory)
    assert editions.edition(directory.parent) != number
    assert editions.edition(directory) != number
