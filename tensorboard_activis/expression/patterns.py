"""Estimates the size of a regular expression in RE2 before it is compiled.

RE2 takes time in proportion to the length of a text, but at worst also to the size of the compiled pattern: `.{1,1000}` has nine
thousand instructions and takes 60 ms for a text of 1,000 characters.
"""

import re

#: Instructions of an atom: any character, a character class, and a Unicode class.
_ANY, _CLASS, _UNICODE = 10, 10, 400
#: Repetitions that RE2 allows.
_MOST = 1_000
_TOKEN = re.compile(
    r"(?P<unicode>\\[pP](?:\{[^}]*+\}?+|.)?+)|(?P<escape>\\.?+)"
    r"|(?P<set>\[\^?+\]?+(?:\\.|\[:\^?[a-z]{1,10}:\]|[^\]\\])*+\]?+)"
    r"|(?P<open>\((?:\?[^:)]*+:?+)?+)|(?P<close>\))|(?P<repeat>[*+?]|\{\d++(?:,\d*+)?+\})|(?P<any>\.)|(?P<one>.)",
    re.DOTALL,
)


def pattern_size(pattern: str) -> int:
    """Approximate number of instructions of a pattern in RE2; takes linear time, also for invalid patterns."""
    groups = [0]
    last = 0
    for token in _TOKEN.finditer(pattern):
        kind, text = token.lastgroup, token[0]
        if kind == "open":
            groups.append(0)
            last = 0
        elif kind == "close":
            last = groups.pop() + 2 if len(groups) > 1 else 1
            groups[-1] += last
        elif kind == "repeat":
            times = max((int(number[:6]) for number in re.findall(r"\d+", text)), default=1)
            more = last * (min(times, _MOST) - 1) + 1
            groups[-1] += more
            last += more
        else:
            last = _size(kind or "one", text)
            groups[-1] += last
    return sum(groups)


def _size(kind: str, text: str) -> int:
    if kind == "unicode":
        return _UNICODE
    if kind == "any":
        return _ANY
    if kind == "set":
        return _CLASS + len(text) + _UNICODE * (text.count("\\p") + text.count("\\P"))
    if kind == "escape":
        return _CLASS
    return len(text.encode(errors="replace"))
