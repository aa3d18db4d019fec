"""Conditions on single columns, such as site = D or length > 20, of which slices of the data are made."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tensorboard_activis.column_kinds import TIME, column_kind, time_text
from tensorboard_activis.expression import writing
from tensorboard_activis.query.findings.finding import counted
from tensorboard_activis.query.findings.words import words
from tensorboard_activis.query.instances.content import CONTENT
from tensorboard_activis.query.limits import check_time
from tensorboard_activis.read.instances import STEP_COLUMNS

#: Instances that a slice must have.
LEAST_INSTANCES = 20
#: Conditions that are looked at, and bytes of their members.
MOST_CONDITIONS = 2_000
_MOST_BYTES = 1 << 28
#: Numbers of at most so many different values are values as well as half-lines.
_FEW = 20
_QUANTILES = np.arange(1, 10) / 10
#: Middle deciles first: where there are too many columns, these are looked at.
_FROM_THE_MIDDLE = np.argsort(np.abs(_QUANTILES - 0.5), kind="stable")
#: Outcomes are no causes, and ids and content are no groups.
NO_CONDITIONS = {"id", "pinned", "training_row", *STEP_COLUMNS, *(set(CONTENT) - {"text"})}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one column.

    Attributes:
        column: its name.
        expression: the condition in the expression language.
        shown: the condition for a sentence.
    """

    column: str
    expression: str
    shown: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions that are looked at, and which instances each is true for.

    Attributes:
        conditions: in the order in which they were made, columns in turn.
        members: bool [conditions, instances].
        columns: how many columns there are conditions of.
        left_out: columns that there was no room for.
        cut: columns that have more conditions than there was room for.
    """

    conditions: tuple[Condition, ...]
    members: np.ndarray
    columns: int
    left_out: int
    cut: int = 0

    @property
    def note(self) -> str:
        """What was left out, in words; empty where nothing was."""
        if not self.left_out and not self.cut:
            return ""
        looked = f"{len(self.conditions):,} conditions on {counted(self.columns, 'column')} were looked at"
        if self.left_out:
            verb = "was" if self.left_out == 1 else "were"
            return f"{looked}; {counted(self.left_out, 'column')} {verb} left out."
        return f"{looked}; {counted(self.cut, 'column')} {'has' if self.cut == 1 else 'have'} more."


#: A column and what is left of its conditions.
_Started: TypeAlias = tuple[str, Iterator[tuple[Condition, np.ndarray]]]


def conditions(table: pa.Table, known: np.ndarray) -> Conditions:
    """The conditions on the columns of a table: values, half-lines at the deciles of numbers and times, words of texts.

    They are chosen without a look at what the model did. Each is true for at least LEAST_INSTANCES of the known instances and
    not for all of them. Where there are too many, every column gives one after the other until there is no more room.

    Arguments:
        table: of kept instances; ids, content and outcomes such as the prediction are left out.
        known: which instances are looked at, bool [instances].
    """
    names = [name for name in table.column_names if name not in NO_CONDITIONS and column_kind(table.column(name).type)]
    rows = pa.array(np.flatnonzero(known))
    room = min(MOST_CONDITIONS, max(1, _MOST_BYTES // max(1, len(rows))))
    unasked = iter(names)
    waiting: Iterator[_Started] = ((name, _of_column(name, table.column(name).take(rows))) for name in unasked)
    made: list[tuple[Condition, np.ndarray]] = []
    cut: set[str] = set()
    first = True
    while not cut:
        check_time()
        going: list[_Started] = []
        for name, each in waiting:
            found = next(each, None)
            if found is None:
                continue
            if len(made) == room:  # this one finds no room, nor do those after it
                cut = {name, *(other for other, _ in (*going, *(() if first else waiting)))}
                break
            made.append(found)
            going.append((name, each))
        if not going:
            break
        waiting, first = iter(going), False
    members = np.array([mask for _, mask in made]) if made else np.zeros((0, len(rows)), bool)
    with_any = {condition.column for condition, _ in made}
    return Conditions(
        tuple(condition for condition, _ in made),
        members,
        columns=len(with_any),
        left_out=len([*unasked]) + len(cut - with_any),
        cut=len(cut & with_any),
    )


def _of_column(name: str, column: pa.ChunkedArray) -> Iterator[tuple[Condition, np.ndarray]]:
    """The conditions of a column with their members, bool [instances], those that say most first."""
    check_time()
    makers: dict[str, Callable[[str, pa.ChunkedArray], Iterator[tuple[Condition, np.ndarray]]]] = {
        "boolean": _truth,
        "number": _numbers,
        "time": _times,
        "category": _values,
        "text": _texts,
        "list": _elements,
    }
    missing = column.is_null().to_numpy()
    written = writing.column(name)
    unknown = Condition(name, f"isnull({written})", f"{name} is missing"), missing
    for condition, mask in (*makers[str(column_kind(column.type))](name, column), unknown):
        if LEAST_INSTANCES <= np.count_nonzero(mask) < mask.size:
            yield condition, mask


def _truth(name: str, column: pa.ChunkedArray) -> Iterator[tuple[Condition, np.ndarray]]:
    true, missing = column.fill_null(False).to_numpy(), column.is_null().to_numpy()
    written = writing.column(name)
    yield Condition(name, written, name), true
    yield Condition(name, f"not {written}", f"not {name}"), ~true & ~missing


def _numbers(name: str, column: pa.ChunkedArray) -> Iterator[tuple[Condition, np.ndarray]]:
    whole = pa.types.is_integer(column.type)
    if whole:
        known = ~column.is_null().to_numpy()
        values = column.fill_null(0).to_numpy()
    else:
        values = column.cast(pa.float64(), safe=False).fill_null(float("nan")).to_numpy()
        known = ~np.isnan(values)
    written, each = writing.column(name), np.unique(values[known])
    if each.size <= _FEW:
        for value in each[np.isfinite(each)].tolist():
            yield Condition(name, f"{written} == {value!r}", f"{name} = {_plain(value)}"), known & (values == value)
    for bound in _bounds(values[known], each) if name != "label" else ():
        below = known & (values <= bound)
        shown = str(bound) if whole else _shortest(float(bound), each)
        yield Condition(name, f"{written} <= {shown}", f"{name} ≤ {shown}"), below
        yield Condition(name, f"{written} > {shown}", f"{name} > {shown}"), known & ~below


def _bounds(values: np.ndarray, each: np.ndarray) -> list[float]:
    """The different deciles of values, each one of them, from the middle outwards; the largest value is no bound."""
    if each.size < 2:
        return []
    ordered = np.sort(values)
    places = np.minimum((_QUANTILES[_FROM_THE_MIDDLE] * ordered.size).astype(int), ordered.size - 1)
    found = dict.fromkeys(bound for bound in ordered[places].tolist() if bound < each[-1] and abs(bound) < 1e300)
    return list(found)


def _shortest(bound: float, each: np.ndarray) -> str:
    """The shortest decimal number from a value up to, not including, the next larger one."""
    above = each[np.searchsorted(each, bound, side="right")]
    for digits in range(1, 17):
        text = f"{bound:.{digits}g}"
        if bound <= float(text) < above:
            return text
    return repr(bound)


def _plain(value: float) -> str:
    """A number as people write it: whole ones without a point, those that came of float32 with its digits."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return str(int(value))
    single = float(str(np.float32(value)))
    return f"{single if np.float32(single) == value else value:.15g}"


def _times(name: str, column: pa.ChunkedArray) -> Iterator[tuple[Condition, np.ndarray]]:
    times = column.cast(TIME, safe=False)
    known = ~times.is_null().to_numpy()
    moments = times.cast(pa.int64()).fill_null(0).to_numpy()
    written = writing.column(name)
    for bound in _bounds(moments[known], np.unique(moments[known])):
        try:
            text = time_text(pa.scalar(int(bound), TIME).as_py())
        except (ValueError, OverflowError):  # outside of the years that Python knows
            continue
        below = known & (moments <= bound)
        yield Condition(name, f'{written} <= "{text}"', f"{name} ≤ {text}"), below
        yield Condition(name, f'{written} > "{text}"', f"{name} > {text}"), known & ~below


def _values(name: str, column: pa.ChunkedArray) -> Iterator[tuple[Condition, np.ndarray]]:
    codes, values = _encoded(column)
    written = writing.column(name)
    for code in _frequent(codes, len(values)):
        value = values[code]
        yield Condition(name, f"{written} == {writing.quoted(value)}", f"{name} = {value}"), codes == code


def _texts(name: str, column: pa.ChunkedArray) -> Iterator[tuple[Condition, np.ndarray]]:
    """Values, and where these are different for most instances, words."""
    covered = 0
    for condition, mask in _values(name, column):
        covered += int(np.count_nonzero(mask))
        yield condition, mask
    if 2 * covered < len(column):
        for word in words(name, column, min(MOST_CONDITIONS, max(1, _MOST_BYTES // max(1, len(column))))):
            yield Condition(name, word.expression, word.shown), word.members


def _elements(name: str, column: pa.ChunkedArray) -> Iterator[tuple[Condition, np.ndarray]]:
    """Lists of texts, each with the values that it holds."""
    whole = column.combine_chunks()
    flat = pc.list_flatten(whole)
    if column_kind(flat.type) not in ("text", "category"):
        return
    owners = pc.list_parent_indices(whole).to_numpy()
    codes, values = _encoded(pa.chunked_array([flat]))
    written = writing.column(name)
    for code in _frequent(codes, len(values)):
        mask = np.zeros(len(column), bool)
        mask[owners[codes == code]] = True
        value = values[code]
        yield Condition(name, f"{writing.quoted(value)} in {written}", f"{name} has {value}"), mask


def _encoded(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """The code of each value, -1 where it is missing, and the values by code."""
    whole = column.combine_chunks()
    encoded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
    values = encoded.dictionary.cast(pa.string()).to_pylist()
    codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
    return codes, [value if value is not None else "" for value in values]


def _frequent(codes: np.ndarray, size: int) -> Iterator[int]:
    """Codes of at least LEAST_INSTANCES instances, the most frequent first."""
    counts = np.bincount(codes[codes >= 0], minlength=size)
    for code in np.argsort(-counts, kind="stable").tolist():
        if counts[code] < LEAST_INSTANCES:
            return
        yield code
