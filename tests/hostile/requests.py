"""Makes HTTP requests to the plugin's routes that are right, nearly right, or meant to do harm."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.hostile.expressions import COLUMNS, NUMBERS, TEXTS, broken, expression, hostile_expression
from tests.serve.route_parameters import ROUTE_PARAMETERS

Value = Any


@dataclass
class HttpRequest:
    """What is sent: a query string as it is on the wire, headers, and a body for a POST."""

    route: str
    method: str = "GET"
    query: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


def anything(chance: random.Random, depth: int = 0) -> Value:
    """A JSON value, or what Python writes as one."""
    if depth < 3 and chance.random() < 0.3:
        if chance.random() < 0.5:
            return [anything(chance, depth + 1) for _ in range(chance.randrange(4))]
        return {
            str(chance.choice(("run", "step", "by", "subset", "expression", *TEXTS[:12]))): anything(chance, depth + 1)
            for _ in range(2)
        }
    return chance.choice((None, True, False, chance.choice(NUMBERS), chance.choice(TEXTS), expression(chance)))


def _nested(chance: random.Random) -> str:
    levels = chance.choice((19, 21, 200, 900, 970, 1_000, 5_000, 100_000))
    opened, closed = chance.choice((("[", "]"), ('{"a":', "}"), ('[{"subset":', "}]")))
    return opened * levels + "1" + closed * levels


def _expression(chance: random.Random) -> str:
    return hostile_expression(chance) if chance.random() < 0.05 else broken(expression(chance), chance)


def _long(chance: random.Random) -> str:
    """JSON of about the size that is still allowed, or just beyond."""
    piece, count = chance.choice(
        (
            ("1", 149_000),
            ("1.5e300", 120_000),
            ("[]", 49_000),
            ('{"a":1}', 49_000),
            ("1" * 4_000, 240),
            ('"\\ud83d\\ude00"', 60_000),
            ('"' + "\\u00e9" * 100 + '"', 1_600),
            ('{"subset":"all"}', 1_000),
            ('{"expression":"score > 0.5"}', 1_000),
        )
    )
    return "[" + ",".join([piece] * int(count * chance.choice((1, 1, 0.5, 1.1)))) + "]"


def _rows(chance: random.Random) -> Value:
    kinds: tuple[Callable[[], Value], ...] = (
        lambda: {"subset": chance.choice(("all", "ant", "bee", "correct", *TEXTS))},
        lambda: {"expression": _expression(chance)},
        lambda: {"instance": chance.choice(NUMBERS)},
        lambda: anything(chance),
    )
    rows = [chance.choice(kinds)() for _ in range(chance.choice((0, 1, 2, 3, 9)))]
    times = chance.choice((1, 1, 1, 50, 1_001)) if chance.random() < 0.1 else 1
    return rows * min(times, 1 + _MOST_REPEATED // (1 + len(str(rows))))


_SHAPED: dict[str, Callable[[random.Random], Value]] = {
    "rows": _rows,
    "row": lambda chance: chance.choice((chance.choice(NUMBERS), (_rows(chance) or [None])[0])),
    "index": lambda chance: chance.choice(NUMBERS),
    "indices": lambda chance: [chance.choice(NUMBERS) for _ in range(chance.choice((0, 1, 3)))],
    "sort": lambda chance: {
        "by": chance.choice(("index", "row", "difference", "strongest", "clustered", *TEXTS[:9])),
        "a": chance.choice(NUMBERS),
        "b": chance.choice(NUMBERS),
    },
    "statistics": lambda chance: [
        chance.choice(("mean", "std", "max", "active", "median", anything(chance))) for _ in range(3)
    ],
    "quantized": lambda chance: chance.choice(("mean", "std", "max", "active", "x")),
    "window": lambda chance: [chance.choice(NUMBERS), chance.choice(NUMBERS)],
    "bounds": lambda chance: [chance.choice(NUMBERS), chance.choice(NUMBERS)],
    "scale": lambda chance: chance.choice(("z", "unit", "raw", "x")),
    "rows_of": lambda chance: {"run": chance.choice(("run1", "run2", "x")), "step": chance.choice((3, 5, 10**30))},
    "like": lambda chance: {"run": chance.choice(("run1", "run2", "x")), "step": chance.choice((3, 5, "5"))},
    "prefix": lambda chance: chance.choice((*NUMBERS, *TEXTS)),
    "expression": lambda chance: _expression(chance),
    "order": lambda chance: chance.choice(COLUMNS),
    "by": lambda chance: chance.choice(COLUMNS),
    "column": lambda chance: chance.choice(COLUMNS),
    "layer": lambda chance: chance.choice(("head", "stem/relu", *TEXTS)),
    "method": lambda chance: chance.choice(("pca", "tsne", "x")),
    "format": lambda chance: chance.choice(("csv", "parquet", "x")),
    "run": lambda chance: chance.choice(("run1", "run2", *TEXTS)),
    "descending": lambda chance: chance.choice((True, False, "true", "maybe")),
}
#: Characters of rows that are repeated: several times what a body may have, and less memory than a fault is.
_MOST_REPEATED = 4_000_000
_NUMBERED = ("step", "neuron", "offset", "limit", "id")


def request(chance: random.Random) -> HttpRequest:
    """One request, mostly to a route that exists, mostly with one or two parameters that are not as they should be."""
    route = (
        chance.choice(tuple(ROUTE_PARAMETERS))
        if chance.random() < 0.97
        else chance.choice(("", "index.js", "nothing", "../runs", "runs/x", "%2e%2e"))
    )
    values: dict[str, Value] = dict(ROUTE_PARAMETERS.get(route, {}))
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        name = chance.choice((*_SHAPED, *_NUMBERED, *_NUMBERED, *values))
        shaped = _SHAPED.get(name, lambda chance: chance.choice(NUMBERS))
        values[name] = shaped(chance) if chance.random() < 0.7 else anything(chance)
        if chance.random() < 0.03:
            values.pop(name)
    headers = _headers(chance)
    method = chance.choices(("GET", "POST", "HEAD", "PUT", "TRACE"), (60, 30, 5, 1, 1))[0]
    if method == "POST":
        return HttpRequest(route, method, headers=_typed(headers, chance), body=_body(values, chance))
    return HttpRequest(route, method, _query(values, chance), headers)


def _headers(chance: random.Random) -> dict[str, str]:
    headers: dict[str, str] = {}
    if chance.random() < 0.1:
        name = chance.choice(
            (
                "If-None-Match",
                "Accept-Encoding",
                "Range",
                "Sec-Fetch-Site",
                "Content-Length",
                "Cookie",
                "X-Forwarded-Prefix",
            )
        )
        headers[name] = chance.choice(
            ("*", "gzip", '"' * 9_000, "x, " * 3_000, "cross-site", "bytes=0-1", "0", " \t" * 9_000 + "x", "W/" * 999)
        )
    if headers.get("Content-Length", "0") != "0":
        headers.pop("Content-Length")
    return headers


def _typed(headers: dict[str, str], chance: random.Random) -> dict[str, str]:
    kinds = (
        "application/json",
        "application/json; charset=utf-16",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/json;" + ";" * 999,
    )
    return headers | {"Content-Type": chance.choices(kinds, (90, 3, 3, 2, 2))[0]}


def _body(values: dict[str, Value], chance: random.Random) -> bytes:
    text = json.dumps(values) if chance.random() < 0.95 else json.dumps(anything(chance))
    if chance.random() < 0.05:
        text = text[:-1] + f', "rows": {_nested(chance)}}}'
    elif chance.random() < 0.03:
        text = f'{text[:-1]}, "{chance.choice(("rows", "indices", "nothing"))}": {_long(chance)}}}'
    if chance.random() < 0.03:
        text = "{" + text[1:-1] + ("," + text[1:-1]) * 3 + "}"
    body = text.encode("utf-8", "surrogatepass")
    if chance.random() < 0.05:
        at = chance.randrange(len(body) + 1)
        body = (
            body[:at]
            + chance.choice((b"\xff", b"\xed\xa0\x80", b"", b"\0", b"NaN", b"1" * 5_000))
            + body[at + chance.randrange(3) :]
        )
    return body


def _query(values: dict[str, Value], chance: random.Random) -> bytes:
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        text = value if isinstance(value, str) else json.dumps(value)
        if not isinstance(value, str) and chance.random() < 0.03:
            text = _nested(chance)
        pairs.append((name, text[:100_000]))
        if chance.random() < 0.03:
            pairs.append((name, str(chance.choice(TEXTS))))
    query = "&".join(f"{quote(name)}={quote(text, errors='surrogatepass')}" for name, text in pairs).encode()
    if chance.random() < 0.05:
        at = chance.randrange(len(query) + 1)
        query = (
            query[:at]
            + chance.choice((b"\xff", b"%ff", b"%", b"%zz", b"&", b"=", b"&&=&", b"%ed%a0%80", b";", b"#", b"+"))
            + query[at:]
        )
    return query
