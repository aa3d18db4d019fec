"""What TensorBoard does not tell: event files that are cut off or damaged, so that later snapshots are missing."""

import struct
import time
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

#: A last record that is incomplete for so many seconds was not merely caught in the middle.
PATIENCE = 30.0
_MAX_RECORD = 1 << 30


@dataclass(slots=True)
class _Progress:
    verified: int = 0
    damage: str | None = None


class DamageWatch:
    """Verifies the event files of our directories; what was verified once is not read again."""

    def __init__(self) -> None:
        self._files: dict[Path, _Progress] = {}

    def problems(self, directory: Path) -> list[str]:
        """In words, what is wrong with the event files in a directory."""
        found = []
        for path in sorted(directory.glob("*tfevents*")):
            try:
                problem = self._problem(path)
            except OSError as error:
                problem = f"{path.name} cannot be read: {error.strerror or error}."
            if problem:
                found.append(problem)
        return found

    def _problem(self, path: Path) -> str | None:
        status = path.stat()
        progress = self._files.setdefault(path, _Progress())
        if status.st_size < progress.verified:  # another file under the same name
            progress = self._files[path] = _Progress()
        if progress.damage is None and status.st_size > progress.verified:
            self._verify(path, progress)
        if progress.damage:
            return progress.damage
        missing = status.st_size - progress.verified
        if missing > 0 and time.time() - status.st_mtime > PATIENCE:
            return (
                f"{path.name} is cut off in the middle of a record ({missing:,} bytes at its end): the process that wrote it was "
                "perhaps killed. What was written before is complete."
            )
        return None

    def _verify(self, path: Path, progress: _Progress) -> None:
        with path.open("rb") as file:
            file.seek(progress.verified)
            while True:
                head = file.read(12)
                if len(head) < 12:
                    return
                (length,) = struct.unpack("<Q", head[:8])
                if not _intact(head[:8], head[8:]) or length > _MAX_RECORD:
                    progress.damage = _damaged(path, progress.verified)
                    return
                data, check = file.read(length), file.read(4)
                if len(data) < length or len(check) < 4:
                    return
                if not _intact(data, check):
                    progress.damage = _damaged(path, progress.verified)
                    return
                progress.verified += 16 + length


def _damaged(path: Path, at: int) -> str:
    return f"{path.name} is damaged at byte {at:,}: TensorBoard cannot read what follows, so later snapshots may be missing."


def _intact(data: bytes, check: bytes) -> bool:
    # CRC32C as event files hold it: rotated and shifted (TFRecord).
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF == struct.unpack("<I", check)[0]
