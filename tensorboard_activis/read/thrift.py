"""Serialization in Thrift's compact protocol, the part that Parquet's footers and page headers use."""

from collections.abc import Mapping, Sequence

#: A struct is a dict of its fields by number, a list is a list, strings are bytes; unused types are None.
Value = int | bytes | list["Value"] | dict[int, "Value"] | None
#: An encoded value: its type in the protocol, and its bytes.
Encoded = tuple[int, bytes]

_TRUE, _FALSE, _I8, _I32, _I64, _BINARY, _LIST, _STRUCT = 1, 2, 3, 5, 6, 8, 9, 12
_MAX_DEPTH = 16
#: Limit of the values in a struct, nested ones included: each takes one byte of the file, and about a hundred in memory.
#: A column takes about fifty in a footer.
_MAX_VALUES = 1_000_000


class ThriftError(Exception):
    """The bytes are no valid value of the compact protocol."""


class Compact:
    """Deserializes values from bytes.

    Attributes:
        position: number of bytes read so far.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = data
        self._values = 0
        self.position = 0

    def struct(self) -> dict[int, Value]:
        """Deserializes a struct; returns its fields by number. Raises ThriftError."""
        try:
            return self._struct(0)
        except IndexError as error:
            raise ThriftError("it ends too early") from error

    def _struct(self, depth: int) -> dict[int, Value]:
        fields: dict[int, Value] = {}
        number = 0
        while kind := self._byte():
            number = number + (kind >> 4) if kind >> 4 else self._integer()
            # A boolean is its own type; everywhere else it is a byte.
            fields[number] = kind & 15 == _TRUE if kind & 15 in (_TRUE, _FALSE) else self._value(kind & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Value:
        self._values += 1
        if self._values > _MAX_VALUES:
            raise ThriftError(f"it holds more than {_MAX_VALUES:,} values")
        if kind in (_TRUE, _FALSE, _I8):
            return self._byte()
        if kind in (4, _I32, _I64):
            return self._integer()
        if kind == 7:
            self._take(8)
            return None
        if kind == _BINARY:
            return self._take(self._varint())
        if depth > _MAX_DEPTH:
            raise ThriftError("it is nested too deeply")
        if kind in (_LIST, 10):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._varint()
            if count > len(self._data) - self.position:
                raise IndexError
            return [self._value(head & 15, depth + 1) for _ in range(count)]
        if kind == _STRUCT:
            return self._struct(depth + 1)
        raise ThriftError(f"it holds a value of type {kind}")  # maps are in none of them

    def _byte(self) -> int:
        self.position += 1
        return self._data[self.position - 1]

    def _take(self, count: int) -> bytes:
        self.position += count
        if self.position > len(self._data):
            raise IndexError
        return bytes(self._data[self.position - count : self.position])

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            shift += 7
            if shift > 63:
                raise ThriftError("a number has too many digits")

    def _integer(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)


def boolean(value: bool) -> Encoded:
    """Serializes a bool, as a field of a struct."""
    return (_TRUE if value else _FALSE), b""


def i8(value: int) -> Encoded:
    """Serializes an 8-bit integer."""
    return _I8, bytes([value])


def i32(value: int) -> Encoded:
    """Serializes a 32-bit integer."""
    return _I32, _zigzag(value)


def i64(value: int) -> Encoded:
    """Serializes a 64-bit integer."""
    return _I64, _zigzag(value)


def binary(value: bytes) -> Encoded:
    """Serializes bytes."""
    return _BINARY, _digits(len(value)) + value


def items(values: Sequence[Encoded]) -> Encoded:
    """Serializes a list; all values must be of one type, and an empty list is a list of structs."""
    kind, count = (values[0][0] if values else _STRUCT), len(values)
    head = bytes([count << 4 | kind]) if count < 15 else bytes([0xF0 | kind]) + _digits(count)
    return _LIST, head + b"".join(content for _, content in values)


def struct(fields: Mapping[int, Encoded | None]) -> Encoded:
    """Serializes a struct of fields by number, in ascending order and less than 16 apart; fields that are None are left out."""
    parts, before = [], 0
    for number, value in fields.items():
        if value is not None:
            parts += [bytes([number - before << 4 | value[0]]), value[1]]
            before = number
    return _STRUCT, b"".join(parts) + b"\0"


def _digits(value: int) -> bytes:
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def _zigzag(value: int) -> bytes:
    return _digits(value << 1 if value >= 0 else (-value << 1) - 1)
