"""Event files are watched for damage, each byte once, and forgotten when they are gone."""

import os
from pathlib import Path

import pytest

from tensorboard_activis.serve.damage import DamageWatch
from tests.records import small_data, write_run


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_what_is_no_file_is_said_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "events.out.tfevents.1.pipe")
    (tmp_path / "events.out.tfevents.2.link").symlink_to("/etc/passwd")
    # A pipe has no bytes, so there is nothing to look at.
    (problem,) = DamageWatch().problems(tmp_path)
    assert problem.startswith("events.out.tfevents.2.link cannot be read: it is a link")


def test_files_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    watch = DamageWatch()
    write_run(tmp_path, small_data(), (1,))
    write_run(tmp_path, small_data(), (2,))
    directory = tmp_path / "activis"
    assert watch.problems(directory) == []
    first, second = sorted(directory.glob("*tfevents*"))
    first.unlink()
    assert watch.problems(directory) == []
    assert list(watch._files[directory]) == [second]


def test_a_directory_that_is_gone_is_no_damage_and_is_forgotten(tmp_path: Path) -> None:
    watch = DamageWatch()
    write_run(tmp_path, small_data(), (1,))
    directory = tmp_path / "activis"
    watch.problems(directory)
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    assert watch.problems(directory) == []
    assert watch._files == {directory: {}}
    watch.forget_others([None])
    assert watch._files == {}
