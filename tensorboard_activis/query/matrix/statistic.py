"""The statistics that a matrix may show: one entry each, of which menus, links and texts of the tab are built, too.

A new statistic is an entry in STATISTICS, with a function that computes it unless `Moments` has it already.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from tensorboard_activis.errors import QueryError
from tensorboard_activis.query.arithmetic.medians import medians
from tensorboard_activis.query.arithmetic.statistics import Moments
from tensorboard_activis.query.contract import Records
from tensorboard_activis.read.summary_arrays import SummaryArrays

StatisticUnit: TypeAlias = Literal["activation", "share"]


@dataclass(frozen=True, slots=True)
class StatisticInfo:
    """A statistic of a neuron over a row of the matrix.

    Attributes:
        name: as requests and answers write it.
        label: a word for narrow places.
        title: its name in words.
        unit: "activation", the layer's own, or "share", from 0 to 1.
        source: whether it is "exact" for declared subsets, over all instances seen, or always of the "sample", the kept instances.
        signed: whether it may lie below zero, where activations do.
        end: its largest possible value; None where there is none.
        description: how it is computed.
        rounding: how far it may be off where `packed` of a row is true, in words; empty where it is of the kept instances.
    """

    name: str
    label: str
    title: str
    unit: StatisticUnit
    source: Literal["exact", "sample"]
    signed: bool
    end: float | None
    description: str
    rounding: str = ""


@dataclass(frozen=True, slots=True)
class Statistic:
    """How a statistic is obtained.

    Attributes:
        info: what it is.
        of_moments: from the sums over sets of kept instances, [sets, neurons]; None when it is no matter of sums.
        of_summary: from the summaries of the declared subsets, [subsets, neurons]; None when these do not hold it.
        of_values: from activations float16 [instances, neurons] and sets bool [sets, instances], [sets, neurons], where it is no
            matter of sums; it is then computed only when asked for.
        extremes: whether the sums must hold the largest values and how many lie above zero.
    """

    info: StatisticInfo
    of_moments: Callable[[Moments], np.ndarray] | None = None
    of_summary: Callable[[SummaryArrays], np.ndarray] | None = None
    of_values: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    extremes: bool = False


_ENTRIES = (
    Statistic(
        StatisticInfo(
            name="mean",
            label="mean",
            title="mean",
            unit="activation",
            source="exact",
            signed=True,
            end=None,
            description="The arithmetic mean of the finite activations.",
            rounding="1/4,094 of the range over the classes",
        ),
        of_moments=lambda moments: moments.mean,
        of_summary=lambda summary: summary.mean,
    ),
    Statistic(
        StatisticInfo(
            name="std",
            label="sd",
            title="standard deviation",
            unit="activation",
            source="exact",
            signed=False,
            end=None,
            description="The population's standard deviation; 0 for a single instance.",
            rounding="0.7%, or 1/2,048 of the largest over the classes",
        ),
        of_moments=lambda moments: moments.std,
        of_summary=lambda summary: summary.std,
    ),
    Statistic(
        StatisticInfo(
            name="max",
            label="max",
            title="max",
            unit="activation",
            source="exact",
            signed=True,
            end=None,
            description="The largest finite activation.",
            rounding="1/63 of the range over the classes",
        ),
        of_moments=lambda moments: moments.max,
        of_summary=lambda summary: summary.max,
        extremes=True,
    ),
    Statistic(
        StatisticInfo(
            name="active",
            label="active",
            title="share active",
            unit="share",
            source="sample",
            signed=False,
            end=1.0,
            description="The share of the kept instances with an activation above zero.",
        ),
        of_moments=lambda moments: moments.active,
        extremes=True,
    ),
    Statistic(
        StatisticInfo(
            name="median",
            label="median",
            title="median",
            unit="activation",
            source="sample",
            signed=True,
            end=None,
            description="The median of the kept instances' finite activations; "
            "of an even number the mean of the two in the middle.",
        ),
        of_values=medians,
    ),
)
STATISTICS = {entry.info.name: entry for entry in _ENTRIES}
#: In the order in which menus list them.
STATISTIC_INFOS = Records(StatisticInfo, (entry.info for entry in _ENTRIES))
#: Those that every matrix has.
ALWAYS = ("mean", "std")
#: Those that come unless others are asked for: what one pass over the activations gives.
DEFAULT = tuple(name for name, entry in STATISTICS.items() if entry.of_values is None)


def parse_statistic(name: str, parameter: str = "statistic") -> str:
    """The name of a statistic. Raises QueryError, which names the parameter."""
    if name not in STATISTICS:
        raise QueryError(f"{parameter} must be one of {', '.join(STATISTICS)}; got {name!r:.40}.")
    return name


def parse_statistics(wanted: object) -> tuple[str, ...]:
    """Names from JSON; DEFAULT for None. Raises QueryError."""
    if wanted is None:
        return DEFAULT
    if not isinstance(wanted, list) or not all(isinstance(name, str) and name in STATISTICS for name in wanted):
        raise QueryError(f"statistics must be a list of {', '.join(STATISTICS)}; got {wanted!r:.80}.")
    return tuple(wanted)
