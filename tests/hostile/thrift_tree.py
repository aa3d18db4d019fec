"""Thrift's compact protocol as a tree that can be changed anywhere and written again, right or wrong.

It shares nothing with the reader that is tested. A struct is a list of fields [number, type, value]; a list is [type of its values,
values]; numbers are as they are written (zigzag undone), booleans in structs have their value in the type.
"""

from typing import Any

TRUE, FALSE, I8, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
INTEGERS = (I16, I32, I64)


class Reader:
    """Reads from `position` on."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    def struct(self) -> list[list[Any]]:
        """The fields of a struct."""
        fields, number = [], 0
        while head := self._take(1)[0]:
            number = number + (head >> 4) if head >> 4 else self._integer()
            kind = head & 15
            fields.append([number, kind, None if kind in (TRUE, FALSE) else self._value(kind)])
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (TRUE, FALSE, I8):
            return self._take(1)[0]
        if kind in INTEGERS:
            return self._integer()
        if kind == DOUBLE:
            return self._take(8)
        if kind == BINARY:
            return self._take(self._varint())
        if kind == LIST:
            head = self._take(1)[0]
            count = head >> 4 if head >> 4 < 15 else self._varint()
            return [head & 15, [self._value(head & 15) for _ in range(count)]]
        assert kind == STRUCT, kind
        return self.struct()

    def _take(self, count: int) -> bytes:
        self.position += count
        return self.data[self.position - count : self.position]

    def _varint(self) -> int:
        number = shift = 0
        while (byte := self._take(1)[0]) > 127:
            number |= (byte & 127) << shift
            shift += 7
        return number | byte << shift

    def _integer(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)


def encoded(fields: list[list[Any]]) -> bytes:
    """The bytes of a struct, whatever the order of its fields."""
    parts, before = [], 0
    for number, kind, value in fields:
        if 0 < number - before < 16:
            parts.append(bytes([(number - before) << 4 | kind]))
        else:
            parts.append(bytes([kind]) + _zigzag(number))
        before = number
        parts.append(b"" if kind in (TRUE, FALSE) else _encoded_value(kind, value))
    return b"".join(parts) + b"\0"


def _encoded_value(kind: int, value: Any) -> bytes:
    if kind in (TRUE, FALSE, I8):
        return bytes([value & 255])
    if kind in INTEGERS:
        return _zigzag(value)
    if kind == DOUBLE:
        return bytes(value)
    if kind == BINARY:
        return varint(len(value)) + value
    if kind == LIST:
        inner, values = value
        head = bytes([len(values) << 4 | inner]) if len(values) < 15 else bytes([0xF0 | inner]) + varint(len(values))
        return head + b"".join(_encoded_value(inner, one) for one in values)
    return encoded(value)


def varint(value: int) -> bytes:
    """A number of no sign, seven bits a byte."""
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def _zigzag(value: int) -> bytes:
    return varint((value << 1) ^ (value >> 70) if value < 0 else value << 1)


def field(fields: list[list[Any]], number: int) -> list[Any]:
    """The field of this number; KeyError if there is none."""
    for one in fields:
        if one[0] == number:
            return one
    raise KeyError(number)


def value(fields: list[list[Any]], *path: int) -> Any:
    """The value of a field in a field in …; KeyError if there is none."""
    for number in path:
        fields = field(fields, number)[2]
    return fields


def put(fields: list[list[Any]], number: int, kind: int, content: Any) -> None:
    """Sets a field, or adds it in its order."""
    for one in fields:
        if one[0] == number:
            one[1:] = [kind, content]
            return
    fields.append([number, kind, content])
    fields.sort(key=lambda one: one[0])


def drop(fields: list[list[Any]], number: int) -> None:
    """Removes a field if it is there."""
    fields[:] = [one for one in fields if one[0] != number]
