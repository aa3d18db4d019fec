"""From a good Parquet file to a hostile one, by what its parts mean."""

import base64
import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from tests.hostile import mutations
from tests.hostile import thrift_tree as thrift
from tests.hostile.parquet_columns import TYPES, any_table, good_table, written
from tests.hostile.parquet_tree import CODECS, Chunk, Page, ParquetTree, key_value
from tests.hostile.thrift_tree import BINARY, FALSE, I32, I64, INTEGERS, LIST, STRUCT, TRUE

COUNTS = (0, 1, 16, 18, 1_000, 1_000_000, 3_000_000, 20_000_000, 2**31 - 1, 2**33)
Change = Callable[[ParquetTree, random.Random], None]


def hostile(chance: random.Random, rows: int) -> tuple[str, bytes]:
    """A file, and the kind of what is wrong with it."""
    kind = chance.choices(list(KINDS), [weight for _, weight in KINDS.values()])[0]
    return kind, KINDS[kind][0](chance, rows)


def _changed(change: Change, *, after: bool = False) -> Callable[[random.Random, int], bytes]:
    """A good file with one to three changes; those that come after leave everything in its place."""

    def make(chance: random.Random, rows: int) -> bytes:
        tree = ParquetTree(_plain(chance, rows))
        times = chance.choice((1, 1, 1, 2, 3))
        body = b"" if not after else tree.place()
        for _ in range(times):
            # The change before may have left nothing to change; and pages of version 2 are compressed in part.
            with contextlib.suppress(LookupError, OSError, ValueError, pa.ArrowException):
                change(tree, chance)
        return body + tree.end() if after else tree.whole()

    return make


def _plain(chance: random.Random, rows: int) -> bytes:
    table = good_table(chance, rows) if chance.random() < 0.7 else any_table(chance, rows)
    return written(table, chance)


def _integers(fields: list[list[Any]]) -> Iterator[tuple[Any, int]]:
    """Every number in a tree, as something that holds it and its place there."""
    for one in fields:
        if one[1] in INTEGERS:
            yield one, 2
        elif one[1] == STRUCT:
            yield from _integers(one[2])
        elif one[1] == LIST and one[2][0] in INTEGERS:
            yield from ((one[2][1], place) for place in range(len(one[2][1])))
        elif one[1] == LIST and one[2][0] == STRUCT:
            for fields_of_one in one[2][1]:
                yield from _integers(fields_of_one)


def _lie(fields: list[list[Any]], chance: random.Random) -> None:
    numbers = list(_integers(fields))
    if numbers:
        holder, place = chance.choice(numbers)
        value = holder[place]
        near = (value + 1, value - 1, value * 2, -value, value + 8, value // 2)
        holder[place] = chance.choice((*near, *mutations.INTEGERS, *COUNTS, chance.randrange(20)))


def _structs(fields: list[list[Any]]) -> Iterator[list[list[Any]]]:
    yield fields
    for one in fields:
        if one[1] == STRUCT:
            yield from _structs(one[2])
        elif one[1] == LIST and one[2][0] == STRUCT:
            for inner in one[2][1]:
                yield from _structs(inner)


def _damage(fields: list[list[Any]], chance: random.Random) -> None:
    """A struct that has fields of other types, twice, none, or ones that nobody knows."""
    struct = chance.choice(list(_structs(fields)))
    choice = chance.randrange(5)
    if choice == 0 and struct:
        del struct[chance.randrange(len(struct))]
    elif choice == 1 and struct:
        struct.append(list(chance.choice(struct)))
    elif choice == 2:
        struct.append([chance.choice((3, 8, 9, 20, 100)), I64, chance.choice(mutations.INTEGERS)])
    elif choice == 3:
        struct.append([chance.randrange(1, 15), chance.choice((TRUE, FALSE)), None])
    else:
        struct.append([chance.randrange(1, 15), BINARY, chance.randbytes(chance.choice((0, 3, 300)))])


def _page(tree: ParquetTree, chance: random.Random) -> tuple[Chunk, Page]:
    chunk = chance.choice([chunk for chunk in tree.chunks if chunk.pages])
    return chunk, chance.choice(chunk.pages)


def _footer_lies(tree: ParquetTree, chance: random.Random) -> None:
    _lie(tree.footer, chance)


def _footer_damaged(tree: ParquetTree, chance: random.Random) -> None:
    _damage(tree.footer, chance)


def _header_lies(tree: ParquetTree, chance: random.Random) -> None:
    _lie(_page(tree, chance)[1].header, chance)


def _header_damaged(tree: ParquetTree, chance: random.Random) -> None:
    _damage(_page(tree, chance)[1].header, chance)


def _encoding(tree: ParquetTree, chance: random.Random) -> None:
    _, page = _page(tree, chance)
    thrift.put(page.details, 2, I32, chance.randrange(11))


def _content(tree: ParquetTree, chance: random.Random) -> None:
    """Levels, indices, lengths and values."""
    chunk, page = _page(tree, chance)
    content = chunk.content(page)
    choice = chance.randrange(5)
    if choice == 0 and content:
        content = mutations.any_bytes(content, chance)
    elif choice == 1:  # runs that are longer than the page
        run = thrift.varint(chance.choice(COUNTS) << 1) + bytes([chance.randrange(3)])
        content = len(run).to_bytes(4, "little") + run + content[chance.randrange(12) :]
    elif choice == 2:  # indices of another width
        content = content[:6] + bytes([chance.choice((0, 1, 32, 33, 255))]) + content[7:]
    elif choice == 3:
        content = content[: chance.randrange(len(content) + 1)]
    else:
        content += chance.randbytes(chance.randrange(20))
    chunk.put_content(page, content)


def _codec(tree: ParquetTree, chance: random.Random) -> None:
    chunk = chance.choice(tree.chunks)
    codec = chance.choice((0, *CODECS))
    if chance.random() < 0.5:
        chunk.recompress(codec)
    else:
        thrift.put(chunk.metadata, 4, I32, codec)


def _schema(tree: ParquetTree, chance: random.Random) -> None:
    """Elements that are gone, twice, elsewhere, deeper, or say something else."""
    elements = tree.schema
    at = chance.randrange(len(elements))
    choice = chance.randrange(6)
    if choice == 0:
        del elements[at]
    elif choice == 1:
        elements.insert(at, elements[at])
    elif choice == 2:
        elements.insert(chance.randrange(len(elements)), elements.pop(at))
    elif choice == 3:
        depth = chance.choice((1, 2, 30, 3_000))
        elements[at:at] = [[[3, I32, chance.randrange(3)], [4, BINARY, b"deep"], [5, I32, 1]]] * depth
    elif choice == 4:
        number = chance.choice((1, 2, 3, 5, 6, 7, 8))
        thrift.put(elements[at], number, I32, chance.choice((0, 1, 2, 3, 6, 7, chance.randrange(23), 2**31 - 1)))
    else:
        logical = [
            [chance.randrange(1, 18), STRUCT, chance.choice(([], [[1, 3, 8], [2, TRUE, None]], [[1, TRUE, None]]))]
        ]
        thrift.put(elements[at], 10, STRUCT, logical)
    if chance.random() < 0.5:
        tree.put_arrow_schema(None)


def _arrow(tree: ParquetTree, chance: random.Random) -> None:
    """Another Arrow schema, or a damaged one."""
    pairs = [pair for pair in tree.metadata if thrift.value(pair, 1) == b"ARROW:schema"]
    if not pairs:
        return
    if chance.random() < 0.2:
        thrift.put(pairs[0], 2, BINARY, mutations.any_bytes(thrift.value(pairs[0], 2), chance))
        return
    names = [element for element in tree.schema[1:] if thrift.value(element, 3) != 2]
    fields = [pa.field(thrift.value(name, 4).decode(errors="replace"), chance.choice(TYPES)[0]) for name in names]
    present = _arrow_schema(thrift.value(pairs[0], 2))
    if present is not None and chance.random() < 0.8:
        at = chance.randrange(len(present))
        fields = [
            field if place != at else pa.field(field.name, chance.choice(TYPES)[0])
            for place, field in enumerate(present)
        ]
    tree.put_arrow_schema(pa.schema(fields, {"activis.content": chance.choice(mutations.TEXTS)}))


def _arrow_schema(serialized: bytes) -> list[pa.Field] | None:
    try:
        return list(pa.ipc.read_schema(pa.py_buffer(base64.b64decode(serialized))))
    except (pa.ArrowException, ValueError, OSError):
        return None


def _key_values(tree: ParquetTree, chance: random.Random) -> None:
    keys = (b"ARROW:schema", b"activis.content", b"activis.ink", b"pandas", b"", b"\xff\xfe")
    values = (b"", b"image", b"audio", b"1", b"\xff", b"x" * 100_000, b"{}")
    pairs = [pair for pair in tree.metadata if chance.random() < 0.8] if chance.random() < 0.9 else []
    thrift.put(tree.footer, 5, LIST, [STRUCT, [*pairs, key_value(chance.choice(keys), chance.choice(values))]])


def _groups(tree: ParquetTree, chance: random.Random) -> None:
    """Groups and columns that are gone, twice, or elsewhere."""
    groups = tree.groups
    columns = thrift.value(chance.choice(groups), 1)[1] if groups else []
    parts = chance.choice((groups, columns))
    if not parts:
        return
    at = chance.randrange(len(parts))
    choice = chance.randrange(3)
    if choice == 0:
        del parts[at]
    elif choice == 1:
        parts.extend([parts[at]] * chance.choice((1, 2, 300)))
    else:
        parts.insert(chance.randrange(len(parts)), parts.pop(at))


def _scaled(tree: ParquetTree, chance: random.Random) -> None:
    """Many rows that are really there: of nothing, or of the same value again and again."""
    rows = chance.choice(COUNTS)
    run = thrift.varint(rows << 1)
    for group in tree.groups[1:]:
        tree.groups.remove(group)
    tree.put_rows(rows)
    full = chance.random() < 0.5
    for chunk in tree.chunks:
        repeated = len(thrift.value(chunk.metadata, 3)[1]) > 1
        data = next((page for page in chunk.pages if not page.is_dictionary), None)
        if data is None:
            continue
        indexed = full and any(page.is_dictionary for page in chunk.pages)
        chunk.pages = [page for page in chunk.pages if page.is_dictionary or page is data]
        level = bytes([(3 if repeated else 1) if indexed else 0])
        levels = b"".join(
            (len(run) + 1).to_bytes(4, "little") + run + one for one in ([b"\0"] if repeated else []) + [level]
        )
        chunk.put_content(data, levels + (b"\x01" + run + b"\0" if indexed else b""))


def _long(tree: ParquetTree, chance: random.Random) -> None:
    """A dictionary of one long text; everything else is scaled."""
    for chunk in tree.chunks:
        for page in chunk.pages:
            if page.is_dictionary and thrift.value(chunk.metadata, 1) == 6:
                size = chance.choice((10, 10_000, 1_000_000, 30_000_000))
                thrift.put(page.details, 1, I32, 1)
                chunk.put_content(page, size.to_bytes(4, "little") + b"x" * size)
    _scaled(tree, chance)


def _bytes(chance: random.Random, rows: int) -> bytes:
    return mutations.any_bytes(_plain(chance, rows), chance)


def _types(chance: random.Random, rows: int) -> bytes:
    return written(any_table(chance, rows), chance)


KINDS: dict[str, tuple[Callable[[random.Random, int], bytes], int]] = {
    "types": (_types, 20),
    "footer lies": (_changed(_footer_lies, after=True), 10),
    "footer damaged": (_changed(_footer_damaged, after=True), 4),
    "header lies": (_changed(_header_lies), 8),
    "header damaged": (_changed(_header_damaged), 4),
    "encoding": (_changed(_encoding), 4),
    "content": (_changed(_content), 20),
    "codec": (_changed(_codec), 3),
    "schema": (_changed(_schema), 10),
    "Arrow schema": (_changed(_arrow), 8),
    "key and value": (_changed(_key_values), 3),
    "groups": (_changed(_groups, after=True), 4),
    "scaled": (_changed(_scaled), 2),
    "long": (_changed(_long), 2),
    "bytes": (_bytes, 4),
}
