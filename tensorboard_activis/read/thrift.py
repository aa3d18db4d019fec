"""Thrift's compact protocol, as much of it as Parquet's footers and page headers are made of."""

#: A struct is a dict of its fields by number, a list a list, texts are bytes, what has no use here is None.
Value = int | bytes | list["Value"] | dict[int, "Value"] | None

_MAX_DEPTH = 16


class ThriftError(Exception):
    """The bytes are no such value."""


class Compact:
    """Reads values from bytes.

    Attributes:
        position: how many bytes were read.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def struct(self) -> dict[int, Value]:
        """The fields of a struct by number. Raises ThriftError."""
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
            fields[number] = None if kind & 15 in (1, 2) else self._value(kind & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Value:
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 7:
            self._take(8)
            return None
        if kind == 8:
            return self._take(self._varint())
        if depth > _MAX_DEPTH:
            raise ThriftError("it is nested too deeply")
        if kind in (9, 10):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._varint()
            if count > len(self._data) - self.position:
                raise IndexError
            return [self._value(head & 15, depth + 1) for _ in range(count)]
        if kind == 12:
            return self._struct(depth + 1)
        raise ThriftError(f"it holds a value of type {kind}")  # maps are in none of them

    def _byte(self) -> int:
        self.position += 1
        return self._data[self.position - 1]

    def _take(self, count: int) -> bytes:
        self.position += count
        if self.position > len(self._data):
            raise IndexError
        return self._data[self.position - count : self.position]

    def _varint(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
            shift += 7
            if shift > 63:
                raise ThriftError("a number has too many digits")

    def _integer(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)
