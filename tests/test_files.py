"""A run is read from its own directory: no link, pipe, device or directory is ever opened as one of its files."""

import os
from pathlib import Path

import pytest

from tensorboard_activis.files import missing, open_own


def test_a_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with open_own(tmp_path / "file") as file:
        assert file.read() == b"content"


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_own(tmp_path / "file")


@pytest.mark.parametrize("target", ["/etc/passwd", "beside", "missing"])
def test_a_link_is_not_followed(tmp_path: Path, target: str) -> None:
    (tmp_path / "beside").write_bytes(b"")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OSError, match="it is a link.*put the file itself there"):
        open_own(tmp_path / "link")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"):
        open_own(tmp_path / "pipe")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no regular file"):
        open_own(tmp_path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there are no devices here")
def test_a_device_is_no_file() -> None:
    with pytest.raises(OSError, match="no regular file"):
        open_own(Path("/dev/zero"))


def test_what_is_missing_is_named() -> None:
    assert missing("a") == "a is missing. It belongs beside the event file: if the run was copied, copy it, too."
    said = "a, b are missing. They belong beside the event file: if the run was copied, copy them, too."
    assert missing("a", "b") == said
