"""Maps the types of values in a Parquet file to Arrow types and back, as far as they are supported."""

import pyarrow as pa

from tensorboard_activis.read.thrift import Encoded, Value, binary, boolean, i8, i32, struct

BOOLEAN, INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY = 0, 1, 2, 4, 5, 6
#: Bytes of a value; for a string, of its length prefix.
WIDTHS = {INT32: 4, INT64: 8, FLOAT: 4, DOUBLE: 8, BYTE_ARRAY: 4}
_PLAIN = {
    BOOLEAN: pa.bool_(),
    INT32: pa.int32(),
    INT64: pa.int64(),
    FLOAT: pa.float32(),
    DOUBLE: pa.float64(),
    BYTE_ARRAY: pa.binary(),
}
_STRING, _TIMESTAMP, _INTEGER, _NULL = 1, 8, 10, 11
_UNITS = {1: "ms", 2: "us", 3: "ns"}
_INTEGERS = {
    (8, True): pa.int8(),
    (16, True): pa.int16(),
    (32, True): pa.int32(),
    (64, True): pa.int64(),
    (8, False): pa.uint8(),
    (16, False): pa.uint16(),
    (32, False): pa.uint32(),
    (64, False): pa.uint64(),
}
#: Legacy converted types, which writers used before logical types.
_CONVERTED = {0: pa.string()} | dict(
    zip(
        range(11, 19),
        (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        strict=True,
    )
)


def stored_type(leaf: dict[int, Value]) -> pa.DataType | None:
    """The Arrow type of a leaf of the schema, or None when it is not supported."""
    physical, converted, logical = leaf.get(1), leaf.get(6), leaf.get(10)
    plain = _PLAIN.get(physical) if isinstance(physical, int) else None
    if plain is None or (logical is None and converted is None):
        return plain
    kind = (
        _annotated(logical)
        if isinstance(logical, dict)
        else _CONVERTED.get(converted if isinstance(converted, int) else -1)
    )
    return kind if kind is not None and _physical(kind) == physical else None


def schema_element(name: bytes, kind: pa.DataType, optional: bool) -> Encoded:
    """Serializes a leaf of a schema, for a type that `stored_type` returned."""
    return struct({1: i32(_physical(kind)), 3: i32(int(optional)), 4: binary(name), 10: _annotation(kind)})


def _annotated(logical: dict[int, Value]) -> pa.DataType | None:
    if len(logical) != 1:
        return None
    ((what, value),) = logical.items()
    details = value if isinstance(value, dict) else {}
    if what == _STRING:
        return pa.string()
    if what == _NULL:
        return pa.null()
    if what == _INTEGER:
        bits, signed = details.get(1), details.get(2)
        return _INTEGERS.get((bits, bool(signed))) if isinstance(bits, int) else None
    unit = details.get(2)
    if what != _TIMESTAMP or not isinstance(unit, dict) or len(unit) != 1 or next(iter(unit)) not in _UNITS:
        return None
    return pa.timestamp(_UNITS[next(iter(unit))], "UTC" if details.get(1) else None)


def _annotation(kind: pa.DataType) -> Encoded | None:
    nothing = struct({})
    if pa.types.is_string(kind):
        return struct({_STRING: nothing})
    if pa.types.is_null(kind):
        return struct({_NULL: nothing})
    if pa.types.is_timestamp(kind):
        unit = next(number for number, unit in _UNITS.items() if unit == kind.unit)
        return struct({_TIMESTAMP: struct({1: boolean(kind.tz is not None), 2: struct({unit: nothing})})})
    if pa.types.is_integer(kind):
        bits, signed = next(one for one, integer in _INTEGERS.items() if integer == kind)
        return struct({_INTEGER: struct({1: i8(bits), 2: boolean(signed)})})
    return None


def _physical(kind: pa.DataType) -> int:
    if pa.types.is_string(kind):
        return BYTE_ARRAY
    if pa.types.is_null(kind):
        return INT32
    if pa.types.is_timestamp(kind):
        return INT64
    if pa.types.is_integer(kind):
        return INT64 if kind.bit_width == 64 else INT32
    return next(number for number, plain in _PLAIN.items() if plain == kind)
