"""Records in event files: length, checksum, bytes, checksum, as TFRecord has them."""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

import google_crc32c

#: A record that claims to be longer is damage, not data.
MAX_RECORD = 1 << 30
#: Bytes that a record takes besides its data.
OVERHEAD = 16
_LARGE = 1 << 20


class DamagedRecordError(Exception):
    """A checksum is wrong, so that what follows in the file cannot be found.

    Attributes:
        position: where in the file the damaged record begins.
    """

    def __init__(self, position: int) -> None:
        super().__init__(f"damaged at byte {position:,}; what follows cannot be read.")
        self.position = position


def framed(data: bytes) -> bytes:
    """One record."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, struct.pack("<I", masked_crc32c(length)), data, struct.pack("<I", masked_crc32c(data))))


def records(file: BinaryIO) -> Iterator[bytes]:
    """The data of every complete record from where the file stands; what is half written at the end is left for later.

    Raises:
        DamagedRecordError: a record is not what was written.
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
    """How many bytes there are from where the file stands."""
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end - here


def masked_crc32c(data: bytes) -> int:
    """CRC32C as event files hold it: rotated and shifted, so that a checksum over checksums stays meaningful."""
    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _intact(data: bytes, check: bytes) -> bool:
    return bool(masked_crc32c(data) == struct.unpack("<I", check)[0])
