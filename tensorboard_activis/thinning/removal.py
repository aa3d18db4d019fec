"""Takes the activations of single instances from one snapshot, and the content of instances from one table.

A new file with what is left is published first, under the name that `metadata.stand_in` makes; then the files are removed whose
place it takes. A crash in between leaves both: the snapshot is then whole, or thinned, and never in part.
"""

from collections.abc import Iterable
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tensorboard_activis import metadata, schema
from tensorboard_activis.files import own_opener
from tensorboard_activis.read.arrays import ArrayFiles, read_array
from tensorboard_activis.read.content import array_files
from tensorboard_activis.read.tables import read_table
from tensorboard_activis.read.thinned import EVIDENCE_TENSOR, KEEP_KEY
from tensorboard_activis.stores.path import Location
from tensorboard_activis.write.replacing import replacing
from tensorboard_activis.write.tensors import write_tensors

#: Of more instances, the columns of a step (prediction, correct, loss, …) do not stay either.
MOST_INSTANCES = 1 << 17


def thin_snapshot(directory: Location, record: schema.Snapshot, keep: int, evidence: bytes) -> None:
    """Removes a snapshot's files of arrays; the summaries, the columns of outcomes and the evidence stay, in one smaller file.

    Arguments:
        keep: how many snapshots the run keeps whole.
        evidence: JSON; see `read/thinned.py`.

    Raises:
        UnreadableError: what is to stay cannot be read; nothing was changed.
        OSError: the new file cannot be written.
    """
    files = array_files(record)
    opened: ArrayFiles = {}
    tensors = {array.tensor: read_array(directory, array, None, opened) for array in staying(record) if array.files}
    tensors[EVIDENCE_TENSOR] = np.frombuffer(evidence, np.uint8)
    with replacing(directory / metadata.stand_in(files[0])) as partial:
        write_tensors(partial, tensors, {KEEP_KEY: str(keep)})
    remove(directory, files)


def staying(record: schema.Snapshot) -> list[schema.Array]:
    """The arrays that stay when a snapshot is thinned."""
    arrays = [array for layer in record.layers for array in layer.summary.arrays]
    if record.depth is not None:
        arrays.append(record.depth.right)
    if record.stored_instances <= MOST_INSTANCES:
        arrays += record.columns.values()
    return arrays


def thin_table(directory: Location, name: str) -> None:
    """Removes a table of instances; ids, labels, texts and user columns stay, without pictures, sounds and arrays.

    Raises:
        UnreadableError: it cannot be read.
        OSError: the new file cannot be written.
    """
    table = read_table(directory / name)
    large = [one.name for one in table.schema if pa.types.is_binary(one.type) or pa.types.is_fixed_size_list(one.type)]
    with (
        replacing(directory / metadata.stand_in(name)) as partial,
        open(partial, "wb", opener=own_opener) as file,
    ):
        pq.write_table(table.drop_columns(large).replace_schema_metadata(None), file, compression="zstd")
    remove(directory, [name])


def remove(directory: Location, names: Iterable[str]) -> None:
    """Removes files, as far as that can be: a system may keep those that are open until the next time."""
    for name in names:
        with suppress(OSError):
            (directory / name).unlink()
