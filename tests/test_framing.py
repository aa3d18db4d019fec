"""Records of event files, checked against TensorBoard's own checksum and reader."""

import io
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c as slow_masked_crc32c

from tensorboard_activis.framing import OVERHEAD, DamagedRecordError, framed, masked_crc32c, records


@pytest.mark.parametrize("data", [b"", b"a", b"123456789", bytes(range(256))])
def test_the_checksum_is_tensorboards(data: bytes) -> None:
    assert masked_crc32c(data) == slow_masked_crc32c(data)


def test_tensorboards_loader_finds_our_records(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(framed(b"first") + framed(b"") + framed(bytes(70_000)))
    assert list(RawEventFileLoader(str(path)).Load()) == [b"first", b"", bytes(70_000)]


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(0, 200))
def test_of_a_file_cut_anywhere_the_whole_records_are_read(parts: list[bytes], cut: int) -> None:
    whole = b"".join(map(framed, parts))
    length, complete = 0, []
    for part in parts:
        length += OVERHEAD + len(part)
        if length <= cut:
            complete.append(part)
    assert list(records(io.BytesIO(whole[:cut]))) == complete


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=4), st.data())
def test_a_flipped_bit_is_never_taken_for_data(parts: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(map(framed, parts)))
    position = data.draw(st.integers(0, len(whole) - 1))
    whole[position] ^= 1 << data.draw(st.integers(0, 7))
    ends = [sum(OVERHEAD + len(part) for part in parts[: index + 1]) for index in range(len(parts))]
    hurt = next(index for index, end in enumerate(ends) if position < end)
    found = []

    def read() -> None:
        for part in records(io.BytesIO(bytes(whole))):
            found.append(part)

    with pytest.raises(DamagedRecordError) as caught:
        read()
    assert caught.value.position == [0, *ends][hurt]
    assert found == parts[:hurt]


def test_room_is_made_for_what_is_there_not_for_what_is_claimed() -> None:
    length = struct.pack("<Q", 1 << 29)
    claim = length + struct.pack("<I", masked_crc32c(length)) + b"short"
    tracemalloc.start()
    try:
        assert list(records(io.BytesIO(framed(b"first") + claim))) == [b"first"]
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
