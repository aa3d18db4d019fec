"""Thins a run: a logger does it after each snapshot (`keep=`), `tensorboard-activis check --thin` once."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tensorboard_activis import metadata
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.files import names_in
from tensorboard_activis.stores.path import Location
from tensorboard_activis.thinning.evidence import measure
from tensorboard_activis.thinning.logged import Logged, LoggedRun
from tensorboard_activis.thinning.removal import remove, thin_snapshot, thin_table
from tensorboard_activis.thinning.spread import given_way

#: Earlier steps that findings look back at.
_LOOKED_BACK = 100


@dataclass(slots=True)
class Thinned:
    """What was done.

    Attributes:
        steps: those that were thinned.
        problems: of steps that were left as they are, in words, since what is to stay of them cannot be read.
        left: steps that are still to be thinned.
    """

    steps: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    left: int = 0


def to_thin(run: LoggedRun, names: set[str], keep: int) -> list[Logged]:
    """The snapshots that give way, the first to go first: superseded ones, then those of the steps that `given_way` says.

    Arguments:
        names: of all files in the directory.
        keep: how many snapshots with large arrays stay.
    """
    whole = {one.step: one for one in run.current if one.is_whole(names) and not one.damaged}
    counting = {name for one in run.current for name in one.arrays}
    superseded = [
        one for one in run.superseded if one.is_whole(names) and not one.damaged and counting.isdisjoint(one.arrays)
    ]
    return superseded + [whole[step] for step in given_way(list(whole), keep)]


def thin_run(
    directory: Location,
    run: LoggedRun,
    keep: int,
    most: int | None = None,
    report: Callable[[Logged], object] = lambda one: None,
) -> Thinned:
    """Thins a run's directory until it has at most `keep` snapshots with large arrays. The caller holds its lock.

    First it finishes what a process that was killed has begun. Tables of instances that only thinned snapshots name lose their
    pictures, sounds and arrays; unless there are events that cannot be read, which may name them.

    Arguments:
        most: snapshots that are thinned at once; None: all.
        report: called with each of them before it is.

    Raises:
        OSError: a file cannot be written; what is there is whole.
    """
    names = set(names_in(directory))
    _finish(directory, run, names)
    chosen = to_thin(run, names, keep)
    now, done = chosen[:most], Thinned(left=len(chosen[most:]) if most is not None else 0)
    current = {id(one) for one in run.current}
    for one in now:
        report(one)
        try:
            thin_snapshot(directory, one.reader.record, keep, _evidence(run, one) if id(one) in current else b"{}")
            done.steps.append(one.step)
        except ActiVisError as error:
            one.damaged = True
            done.problems.append(f"step {one.step}: {error}")
    names = set(names_in(directory))
    if not run.flawed:
        for name in unneeded_tables(run, names):
            try:
                thin_table(directory, name)
            except ActiVisError as error:
                done.problems.append(str(error))
    return done


def unneeded_tables(run: LoggedRun, names: set[str]) -> list[str]:
    """The tables of instances that only thinned snapshots name."""
    thinned = [one for one in (*run.current, *run.superseded) if one.is_thinned(names)]
    others = [one for one in (*run.current, *run.superseded) if not one.is_thinned(names)]
    needed = {name for one in others for name in one.tables}
    return sorted({name for one in thinned for name in one.tables if name in names} - needed)


def _finish(directory: Location, run: LoggedRun, names: set[str]) -> None:
    """Removes what a process left that was killed while it thinned: of each snapshot, and each table, one of both files."""
    remove(directory, [name for name in names if metadata.is_partial_stand_in(name)])
    for one in (*run.current, *run.superseded):
        if one.is_whole(names):
            remove(directory, [one.stand_in] if one.stand_in in names else [])
        elif one.is_thinned(names):
            remove(directory, [name for name in one.arrays if name in names])
        tables = [metadata.stand_in(name) for name in one.tables if name in names]
        remove(directory, [name for name in tables if name in names])


def _evidence(run: LoggedRun, one: Logged) -> bytes:
    place = run.current.index(one)
    before = run.current[max(0, place - _LOOKED_BACK) : place]
    after = run.current[place + 1].reader if place + 1 < len(run.current) else None
    return measure([*(each.reader for each in before), one.reader], after)
