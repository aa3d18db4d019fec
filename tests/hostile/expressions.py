"""Makes expressions that are right, nearly right, or meant to do harm, and texts of any kind."""

import json
import random
from collections.abc import Callable

_SURROGATE = "\ud800"
TEXTS = (
    *(
        "",
        " ",
        "\0",
        _SURROGATE,
        "a" + "\udfff",
        "é",
        "\u202e",
        "../../secret",
        "/etc/passwd",
        "activis",
        ".",
        "..",
        "run1/activis",
    ),
    *(
        "<b>",
        "x\r\nSet-Cookie: a=1",
        "%00",
        "%ff",
        "=cmd",
        "all",
        "head",
        "stem/relu",
        "label",
        "text",
        "-1",
        "1e400",
        "NaN",
    ),
    *("1" * 5_000, "a" * 70_000, "'" * 60_000, "[" * 900, '{"a":' * 900, "ab" * 2_000, "(" * 3_000, " " * 30_000),
)
NUMBERS = (
    *(
        0,
        1,
        2,
        5,
        16,
        17,
        18,
        -1,
        -2,
        1_000,
        1_001,
        2**31,
        2**32,
        2**53,
        2**63 - 1,
        2**63,
        -(2**63),
        2**64,
        10**400,
        -(10**400),
    ),
    *(0.5, -0.0, 1e308, 1e-320, float("nan"), float("inf"), float("-inf")),
)
COLUMNS = ("label", "prediction", "correct", "score", "loss", "text", "tags", "id", "nothing", "image", "row")
_FUNCTIONS = (
    "contains",
    "startswith",
    "endswith",
    "matches",
    "isin",
    "isnull",
    "len",
    "lower",
    "sampled",
    "neuron",
    "col",
    "eval",
)
_PATTERNS = (
    "a",
    ".*",
    "(a|b)*c",
    "(a?){500}",
    ".{1,1000}",
    r"\pL{1,90}",
    "[",
    "(?i)x",
    "a{1001}",
    "((a{9}){9}){9}",
    "^$",
    r"\d+\b",
)


def expression(chance: random.Random, depth: int = 0) -> str:
    """A sentence of the language, more or less."""
    if depth > 4 or chance.random() < 0.2:
        return _atom(chance)
    inner = lambda: expression(chance, depth + 1)  # noqa: E731
    return chance.choice(
        (
            lambda: f"({inner()} and {inner()})",
            lambda: f"{inner()} or {inner()}",
            lambda: f"not {inner()}",
            lambda: (
                f"{inner()} {chance.choice(('<', '==', '!=', '>=', 'in', 'not in', 'is', '&', '+', '%', '/'))} {inner()}"
            ),
            lambda: f"{chance.choice(_FUNCTIONS)}({', '.join(inner() for _ in range(chance.randrange(4)))})",
            lambda: f"{chance.choice(COLUMNS)}.{chance.choice(_FUNCTIONS)}({_atom(chance)})",
            lambda: f"matches(text, {json.dumps(chance.choice(_PATTERNS))})",
            lambda: f"neuron('head', {chance.choice(NUMBERS)}) > {chance.choice(NUMBERS)}",
            lambda: f"{chance.choice(COLUMNS)} in [{', '.join(_atom(chance) for _ in range(chance.randrange(6)))}]",
            lambda: f"-{inner()}",
        )
    )()


def _atom(chance: random.Random) -> str:
    return chance.choice(
        (
            lambda: chance.choice(COLUMNS),
            lambda: repr(chance.choice(NUMBERS)),
            lambda: repr(chance.choice(TEXTS)),
            lambda: json.dumps(chance.choice(TEXTS)),
            lambda: f'col("{chance.choice(COLUMNS)}")',
            lambda: chance.choice(
                (
                    "True",
                    "None",
                    "[]",
                    "()",
                    "{}",
                    "...",
                    "lambda: 0",
                    "f'{label}'",
                    "b'x'",
                    "1j",
                    "label.x",
                    "[x for x in y]",
                )
            ),
        )
    )()


def broken(text: str, chance: random.Random) -> str:
    """The same with a piece taken out, doubled, repeated or put in."""
    if not text or chance.random() < 0.6:
        return text
    at, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
    piece = text[at:end]
    return chance.choice(
        (
            lambda: text[:at] + text[end:],
            lambda: text[:end] + piece + text[end:],
            lambda: text[:at] + (piece or "(") * chance.choice((10, 200, 2_000)),
            lambda: (
                text[:at] + chance.choice(("'", '"', "[", "(", "\\", "\0", "\ud800", "not ", "#", "\n")) + text[at:]
            ),
        )
    )()[:400_000]


def hostile_text(chance: random.Random) -> str:
    """A name, of any kind."""
    return chance.choice((lambda: chance.choice(TEXTS), lambda: f"\x1b[2J{chance.random()}", lambda: "é" * 9_000))()


def hostile_expression(chance: random.Random) -> str:
    """An expression of any kind and length."""
    count = chance.choice((3, 300, 3_000, 9_999, 12_000, 100_000))
    column = chance.choice(("id", "label", "score", "text", "nothing"))
    kinds: tuple[Callable[[], str], ...] = (
        lambda: broken(expression(chance), chance),
        lambda: broken(expression(chance), chance),
        lambda: f"{column} in [{','.join(str(number) for number in range(count))}]",
        lambda: f"{column} in [{','.join(str(10**24 + number) for number in range(count))}]",
        lambda: f"{column} in [{','.join(f'-{number}.5' for number in range(count))}]",
        lambda: f"{column} in [{','.join(repr(str(number)) for number in range(count))}",
        lambda: chance.choice(("'", '"', "'''", "(", "[", "not ", "-", "{", "\\", "\0", "a.", "1,", ",")) * count,
        lambda: " or ".join([f"{column} > {number}" for number in range(min(count, 900))]),
        lambda: " and ".join(f'matches(text, "{number}.*[ab]+")' for number in range(min(count, 150))),
        lambda: "(" * (count % 990) + "correct" + ")" * (count % 990),
        lambda: hostile_text(chance),
    )
    return chance.choice(kinds)()
