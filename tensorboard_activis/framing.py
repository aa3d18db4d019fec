"""TFRecord framing of event files: each record is its length, the length's checksum, the data, the data's checksum."""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

import google_crc32c

from tensorboard_activis.files import COPY_AGAIN

#: Bytes: a record that claims to be longer is damaged.
MAX_RECORD = 1 << 30
#: Bytes that a record takes besides its data.
OVERHEAD = 16
_LARGE = 1 << 20


class DamagedRecordError(Exception):
    """A checksum is wrong, so that the start of the next record is not known.

    Attributes:
        position: offset of the damaged record in the file, in bytes.
    """

    def __init__(self, position: int) -> None:
        super().__init__(f"damaged at byte {position:,}; what follows cannot be read. {COPY_AGAIN}")
        self.position = position


def framed(data: bytes) -> bytes:
    """The data as one record: with its length and both checksums."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, struct.pack("<I", masked_crc32c(length)), data, struct.pack("<I", masked_crc32c(data))))


def records(file: BinaryIO) -> Iterator[bytes]:
    """Reads the data of every complete record from the file's current position; stops at an incomplete record at the end.

    Raises:
        DamagedRecordError: a checksum is wrong, or a length impossible.
    """
    position = file.tell()
    while True:
        head = file.read(12)
        if len(head) < 12:
            return
        (length,) = struct.unpack("<Q", head[:8])
        if not _intact(head[:8], head[8:]) or length > MAX_RECORD:
            raise DamagedRecordError(position)
        # A record may claim any length: what is not there is not made room for.
        if length > _LARGE and length > _ahead(file):
            return
        data, check = file.read(length), file.read(4)
        if len(data) < length or len(check) < 4:
            return
        if not _intact(data, check):
            raise DamagedRecordError(position)
        position += OVERHEAD + length
        yield data


def _ahead(file: BinaryIO) -> int:
    """Number of bytes from the file's current position to its end."""
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end - here


def masked_crc32c(data: bytes) -> int:
    """CRC32C as TFRecord masks it: rotated, plus a constant, so that data that contain checksums have meaningful ones."""
    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _intact(data: bytes, check: bytes) -> bool:
    return bool(masked_crc32c(data) == struct.unpack("<I", check)[0])
