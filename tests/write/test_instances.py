"""Equal tables of instances share one file, and are encoded once if they follow each other."""

from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tensorboard_activis.write.instances import InstanceWriter


def table(*ids: int, text: str = "a") -> pa.Table:
    return pa.table({"id": pa.array(ids), "text": [f"{text} {number}" for number in ids]})


def test_equal_tables_are_encoded_once(tmp_path: Path) -> None:
    writer = InstanceWriter(tmp_path)
    with patch("pyarrow.parquet.write_table", wraps=pq.write_table) as encode:
        name = writer.write(table(3, 1, 2))
        assert writer.write(table(3, 1, 2)) == name
        assert encode.call_count == 1
        other = writer.write(table(3, 1, 2, text="b"))
        assert other != name
        assert writer.write(table(3, 1, 2)) == name
        assert encode.call_count == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, other])
    assert pq.read_table(tmp_path / name).equals(table(3, 1, 2))


@pytest.mark.parametrize("content", [None, b"", b"PAR1 no"])
def test_a_file_that_is_lost_or_damaged_is_written_again(tmp_path: Path, content: bytes | None) -> None:
    writer = InstanceWriter(tmp_path)
    path = tmp_path / writer.write(table(3, 1, 2))
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert writer.write(table(3, 1, 2)) == path.name
    assert pq.read_table(path).equals(table(3, 1, 2))


def test_an_equal_table_with_other_metadata_is_another_one(tmp_path: Path) -> None:
    writer = InstanceWriter(tmp_path)
    one = writer.write(table(1).replace_schema_metadata({"channels": "1"}))
    other = writer.write(table(1).replace_schema_metadata({"channels": "3"}))
    assert one != other
