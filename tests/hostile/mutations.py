"""From good bytes to hostile ones. All draw from one generator, so that an input is known by its number."""

import io
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import DecodeError, Message

from tensorboard_activis.bounds import MAX_BLOB
from tensorboard_activis.framing import framed, records

INTEGERS = (0, 1, -1, 2, 3, 7, 255, 2**15, 2**24, 2**31 - 1, 2**31, -(2**31), 2**32, 2**40, 2**53, 2**63 - 1, -(2**63))
FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-320, 1e308, float("inf"), float("-inf"), float("nan"))
TEXTS = (
    "",
    ".",
    "..",
    "/",
    "../../../../etc/passwd",
    "/etc/passwd",
    "..\\..\\windows",
    "file:///etc/passwd",
    "step-0000000001-../../x.safetensors",
    "step-0000000001-a.safetensors\0.png",
    "instances-0.parquet\n",
    "\0",
    "a\0b",
    "\u202e\u2066gpj.exe",
    "e\u0301\u0300" * 40,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "ﬁﬂ\ufeff\u200b",
    "ı\u0130ß",
    "\ufffd\uffff",
    "%s%n%x{0}{a.b}${x}",
    "<script>hurt()</script>",
    "=cmd|'/c calc'!A0",
    "__class__",
    "__metadata__",
    "id",
    "label",
    "NaN",
    "9" * 400,
    "x" * 100_000,
    "float16",
    "float32",
    "object",
    "U99999999",
    "step-0000000001-0-0.safetensors",
)

#: Bytes; no message of more than half as many is decoded.
_LARGE = 2 * MAX_BLOB


def any_bytes(content: bytes, chance: random.Random) -> bytes:
    """Damage that knows nothing of the format."""
    found = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        if not found:
            return bytes(chance.randrange(256) for _ in range(chance.randrange(50)))
        at = chance.randrange(len(found))
        kind = chance.randrange(8)
        if kind < 3:
            found[at] ^= 1 << chance.randrange(8)
        elif kind == 3:
            found[at] = chance.choice((0, 1, 127, 128, 254, 255))
        elif kind == 4:
            del found[at:]
        elif kind == 5:
            end = at + chance.randrange(1, 40)
            found[at:at] = found[at:end] * chance.choice((1, 2, 50))
        elif kind == 6:
            del found[at : at + chance.randrange(1, 40)]
        else:
            size = chance.choice((1, 2, 4, 8))
            found[at : at + size] = (chance.choice(INTEGERS) % 2 ** (8 * size)).to_bytes(size, "little")
    return bytes(found)


def message(content: bytes, kind: type[Message], chance: random.Random) -> bytes:
    """A proto message of which single fields lie."""
    found = kind()
    try:
        found.ParseFromString(content)
    except DecodeError:  # it was changed before
        return any_bytes(content, chance)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        _lie(found, chance)
    return found.SerializeToString()


def _lie(found: Message, chance: random.Random) -> None:
    here: Any = found
    for _ in range(8):
        fields = list(here.DESCRIPTOR.fields)
        field = chance.choice(fields)
        value = getattr(here, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _lie_in_map(value, field.message_type, chance)
            return
        if field.message_type is not None:
            if not field.is_repeated:
                if chance.random() < 0.1:
                    here.ClearField(field.name)
                    return
                here = value
                continue
            if not value or chance.random() < 0.2:
                _lie_in_list(value, chance)
                return
            here = chance.choice(value)
            continue
        if field.is_repeated:
            _lie_in_scalars(value, field, chance)
        else:
            setattr(here, field.name, _scalar(field, chance, value))
        return


def _lie_in_map(value: Any, entry: Any, chance: random.Random) -> None:
    if value and chance.random() < 0.4:
        del value[chance.choice(list(value))]
        return
    key, held = entry.fields_by_name["key"], entry.fields_by_name["value"]
    for _ in range(_few(chance.choice((1, 1, 5, 3_000)), 20)):
        value[_scalar(key, chance, None)] = _scalar(held, chance, None)


def _lie_in_list(value: Any, chance: random.Random) -> None:
    if not value:
        value.add()
    elif chance.random() < 0.4:
        del value[chance.randrange(len(value))]
    else:
        copies, one = chance.choice((1, 1, 3, 200, 3_000)), chance.choice(value)
        value.extend([one] * _few(copies, one.ByteSize()))


def _lie_in_scalars(value: Any, field: Any, chance: random.Random) -> None:
    kind = chance.randrange(4)
    if kind == 0 and value:
        del value[chance.randrange(len(value))]
    elif kind == 1 and value:
        value[chance.randrange(len(value))] = _scalar(field, chance, value[0])
    elif kind == 2 and value:
        size = sum(len(one) for one in value if isinstance(one, (str, bytes)))
        value.extend(list(value) * _few(chance.choice((1, 5, 500)), size))
    else:
        value.append(_scalar(field, chance, value[0] if value else None))


def _few(copies: int, size: int) -> int:
    """As many as make a message that is too large by far: with more the memory would be the fuzzer's own."""
    return min(copies, 1 + (_LARGE // max(1, size)))


def _scalar(field: Any, chance: random.Random, value: Any) -> Any:
    if field.type in (field.TYPE_DOUBLE, field.TYPE_FLOAT):
        return chance.choice(FLOATS)
    if field.type == field.TYPE_BOOL:
        return chance.random() < 0.5
    if field.type == field.TYPE_STRING:
        return chance.choice(TEXTS) if chance.random() < 0.8 or not value else value + chance.choice(TEXTS)
    if field.type == field.TYPE_BYTES:
        return any_bytes(value or b"", chance) if chance.random() < 0.7 else bytes(chance.choice((0, 1, 8, 100_000)))
    near: int = chance.choice(INTEGERS)
    if chance.random() < 0.3 and isinstance(value, int):
        near = value + chance.choice((-1, 1, 2, 10))
    if field.type in (field.TYPE_INT32, field.TYPE_SINT32, field.TYPE_ENUM):
        return (near + 2**31) % 2**32 - 2**31
    if field.type in (field.TYPE_UINT32, field.TYPE_FIXED32):
        return near % 2**32
    if field.type in (field.TYPE_UINT64, field.TYPE_FIXED64):
        return near % 2**64
    return max(-(2**63), min(near, 2**63 - 1))


def arrays(content: bytes, chance: random.Random) -> bytes:
    """A file of arrays whose header lies."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    for _ in range(chance.choice((1, 1, 2, 6))):
        name = chance.choice(list(header))
        kind = chance.randrange(8)
        if kind == 0:
            header[chance.choice(TEXTS)] = header.pop(name)
        elif kind == 1:
            header[name] = chance.choice((None, 3, [], {}, "x", [[]], {"dtype": {}}))
        elif name != "__metadata__" and isinstance(header[name], dict):
            key = chance.choice(("dtype", "shape", "data_offsets"))
            header[name][key] = _json_value(header[name].get(key), chance)
    text = json.dumps(header).encode()
    claimed = len(text) if chance.random() < 0.9 else chance.choice(INTEGERS) % 2**64
    return claimed.to_bytes(8, "little") + text + content[8 + length :]


def _json_value(value: object, chance: random.Random) -> object:
    if isinstance(value, list) and value and chance.random() < 0.7:
        changed = list(value)
        changed[chance.randrange(len(changed))] = chance.choice((*INTEGERS, 1.5, None, "1", True, 10**30, [1]))
        return changed * chance.choice((1, 1, 1, 9))
    return chance.choice(
        (None, "F16", "F32", "F64", "I8", "BOOL", "", [], [0], [-1, 2], {}, 7, [1] * 2_000, "F16" * 99)
    )


def events(content: bytes, chance: random.Random, inner: Callable[[bytes, random.Random], bytes]) -> bytes:
    """An event file with right checksums about records that lie, in another order, or too many."""
    found = list(records(io.BytesIO(content)))
    for _ in range(chance.choice((1, 1, 2))):
        kind, at = chance.randrange(6), chance.randrange(len(found))
        if kind < 3:
            found[at] = inner(found[at], chance)
        elif kind == 3:
            found[at:at] = [found[at]] * chance.choice((1, 3, 30))
        elif kind == 4 and len(found) > 1:
            del found[at]
        else:
            chance.shuffle(found)
    whole = b"".join(map(framed, found))
    return any_bytes(whole, chance) if chance.random() < 0.2 else whole


def pick(options: Sequence[Any], chance: random.Random) -> Any:
    """One of them."""
    return options[chance.randrange(len(options))]
