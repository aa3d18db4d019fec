"""A finding: one sentence about a model with what it was counted from, and where to look."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from tensorboard_activis.query.contract import Records

FindingKind: TypeAlias = Literal[
    "failing-slice",
    "shortcut",
    "error-region",
    "label-suspect",
    "duplicates",
    "dead",
    "exploding",
    "collapsed",
    "spike",
    "drift",
    "concept",
    "decodable",
]
#: All kinds that there are.
KINDS: tuple[FindingKind, ...] = get_args(FindingKind)
#: Kinds that are counted from statistics over all instances, or of values, without a decision by chance.
EXACT: frozenset[str] = frozenset({"duplicates", "dead", "exploding", "collapsed"})
#: Kinds that say what a model knows, not what is wrong with it; they come last.
_KNOWLEDGE: frozenset[str] = frozenset({"concept", "decodable"})


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found in a run.

    Attributes:
        kind: what was looked for.
        title: what was found, in a few words.
        sentence: what was counted, as one sentence; with a p-value, over how many candidates.
        strength: how much it is, from 0 to 1: of neurons the share of the layer's, of a slice or a region the share of the errors
            that it holds beyond what is expected, of a shortcut the difference of the two shares, of suspect labels the mean
            difference of the two scores, of duplicates their share of the instances, of a direction its share of the variance,
            of a jump or a drift its distance, of what is known the share of the balanced accuracy above that of shuffled
            values, of a concept the same of the area under the curve.
        p: probability of something as strong by chance; null for what is exact (`duplicates`, `dead`, `exploding`,
            `collapsed`), and where none is known.
        subset: the instances as an expression; null where none describes them.
        layer: name of the layer to look at; null without one.
        target: of a shortcut the class that others are taken for, of what is known the column; null elsewhere.
        neurons: their indices in the layer, ascending; empty where it is about all or none.
        instances: indices of kept instances, those to look at first in front; empty where it is about all.
        step: the first of the steps over which it holds up to the snapshot.
    """

    kind: FindingKind
    title: str
    sentence: str
    strength: float
    p: float | None = None
    subset: str | None = None
    layer: str | None = None
    target: str | None = None
    neurons: tuple[int, ...] = ()
    instances: tuple[int, ...] = ()
    step: int = 0


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in a snapshot and the steps before it.

    Attributes:
        findings: what is wrong first, and of that the strongest.
        notes: what was left out or could not be looked at, in words.
        state: of the search, which is a background job where there is much to look at; the others are complete at once.
        progress: of the search, the share that is done.
    """

    findings: Records[Finding]
    notes: tuple[str, ...] = ()
    state: Literal["not_started", "queued", "running", "done", "cancelled"] = "done"
    progress: float = 1.0


def ranked(findings: Iterable[Finding]) -> Records[Finding]:
    """Findings in the order in which they are shown: what is wrong before what is known, then by strength."""
    return Records(Finding, sorted(findings, key=lambda one: (one.kind in _KNOWLEDGE, -one.strength, one.title)))


def counted(number: int, noun: str) -> str:
    """A number with its noun, as in "1 neuron" or "2,048 neurons"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """A share as a whole percentage; one decimal below 10, where it is not 0."""
    return f"{100 * share:.0f}" if share >= 0.0995 or share <= 0 else f"{100 * share:.1f}"


def shown_number(p: float) -> str:
    """A p-value, three decimals without the zero before the point."""
    return f"{p:.3f}".removeprefix("0").rstrip("0") if p < 1 else "1"
