"""Looks for findings of every kind in a snapshot and the steps before it."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import TypeAlias, cast

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.findings.collapsed import collapsed
from tensorboard_activis.query.findings.concepts import concepts
from tensorboard_activis.query.findings.dead import dead
from tensorboard_activis.query.findings.decodable import decodable
from tensorboard_activis.query.findings.drift import drift
from tensorboard_activis.query.findings.duplicates import duplicates
from tensorboard_activis.query.findings.exploding import exploding
from tensorboard_activis.query.findings.finding import Finding, FindingKind, Findings, ranked
from tensorboard_activis.query.findings.outcomes import forget_conditions
from tensorboard_activis.query.findings.regions import regions
from tensorboard_activis.query.findings.remembered_findings import remembered_findings
from tensorboard_activis.query.findings.shortcuts import shortcuts
from tensorboard_activis.query.findings.slices import slices
from tensorboard_activis.query.findings.spikes import spikes
from tensorboard_activis.query.findings.suspects import suspects
from tensorboard_activis.query.limits import TooLargeError, check_time, time_limit
from tensorboard_activis.read.snapshot import SnapshotReader
from tensorboard_activis.read.thinned import keep_of, thinned_text

Search: TypeAlias = Callable[[Sequence[SnapshotReader]], list[Finding]]
#: What looks for each kind, given the snapshots up to the one that is asked about. Each is limited in time by `check_time`
#: and in memory, and gives no finding where there is too little to say.
SEARCHES: dict[FindingKind, Search] = {
    "failing-slice": slices,
    "shortcut": shortcuts,
    "error-region": regions,
    "label-suspect": suspects,
    "duplicates": duplicates,
    "dead": dead,
    "exploding": exploding,
    "collapsed": collapsed,
    "spike": spikes,
    "drift": drift,
    "decodable": decodable,
}
#: Called with the share that is done and what was found so far.
Report: TypeAlias = Callable[[float, Findings], object]


def search_within(snapshots: Sequence[SnapshotReader], seconds: float) -> Findings:
    """As `search`, at most so many seconds: a note says where the time was up, and what was found before is there."""
    so_far = [Findings(ranked([]))]
    try:
        with time_limit(seconds):
            return search(snapshots, lambda progress, findings: so_far.append(findings))
    except TooLargeError:
        notes = (*so_far[-1].notes, f"Not all was looked for: the search took longer than {seconds:g} seconds.")
        return replace(so_far[-1], notes=notes, state="done", progress=1.0)


def search(snapshots: Sequence[SnapshotReader], report: Report = lambda progress, findings: None) -> Findings:
    """Looks for all kinds of findings in the last of these snapshots; computed once for it and those before.

    Of a snapshot that was thinned they are those that were found before.
    A kind that cannot be looked for, as where a file is damaged, is said in the notes; the others are there.

    Arguments:
        snapshots: of one run, steps ascending, up to the one that is asked about.
        report: called between the kinds.

    Raises TooLargeError and AbandonedError, see `query.limits`.
    """
    last = snapshots[-1]
    key: tuple[Hashable, ...] = (search, *(one.digest for one in snapshots))
    if key in last.computed:
        return cast(Findings, last.computed[key])
    if (file := last.remains) is not None:
        return remembered_findings(last, thinned_text(f"step {last.step}", keep_of(file)))
    found: list[Finding] = []
    notes = [f"Nothing can be said about {name}: {problem}" for name, problem in _unreadable(last).items()]
    try:
        for done, (kind, look) in enumerate(SEARCHES.items()):
            check_time()
            report(done / len(SEARCHES), Findings(ranked(found), tuple(notes), "running", done / len(SEARCHES)))
            try:
                found += look(snapshots)
            except TooLargeError:
                raise
            except ActiVisError as error:
                notes.append(f"Nothing can be said about {kind}: {error}")
        found += concepts(snapshots, found)
    finally:
        left_out = forget_conditions(last)
    if left_out:
        notes.append(left_out)
    answer = Findings(ranked(found), tuple(notes))
    last.computed[key] = answer
    return answer


def _unreadable(snapshot: SnapshotReader) -> dict[str, str]:
    """The layers whose activations cannot be read, each with why."""
    found: dict[str, str] = {}
    for name in snapshot.layers:
        try:
            snapshot.activations(name)
        except ActiVisError as error:
            found[name] = str(error)
    return found
