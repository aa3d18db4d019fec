"""A run that is logged with `keep=` has the arrays of so many steps; of all others summaries, metrics, columns and findings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.check.command import run_check
from tensorboard_activis.check.directory import check_directory
from tensorboard_activis.errors import ActiVisWarning, ThinnedError, UnreadableError
from tensorboard_activis.query.snapshot import Snapshot
from tensorboard_activis.thinning import removal
from tests.thinning.runs import INSTANCES, LAYERS, activations, log, recorder

STEPS = range(12)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same run, whole and thinned to five steps."""
    directory = tmp_path_factory.mktemp("logs")
    for name, keep in (("whole", None), ("thinned", 5)):
        made = recorder(directory / name, keep)
        log(made, STEPS)
        made.close()
    return directory / "whole", directory / "thinned"


def size(log_dir: Path, pattern: str = "*") -> int:
    return sum(path.stat().st_size for path in (log_dir / "activis").glob(pattern))


def found(snapshot: Snapshot) -> list[tuple[Any, ...]]:
    return [(one.kind, one.title, one.sentence, one.subset, one.layer, one.step) for one in snapshot.findings()]


def test_the_kept_steps_have_everything_and_no_other_has(both: tuple[Path, Path]) -> None:
    run = open_run(both[1])
    assert run.problems == ()
    assert run.steps == list(STEPS)
    kept = run.steps_with_instances
    assert len(kept) == 5
    assert (kept[0], kept[-1]) == (0, 11)
    assert open_run(both[0]).steps_with_instances == list(STEPS)
    for step in STEPS:
        snapshot = run.snapshot(step)
        rows = np.array(snapshot.instances["id"].to_pylist())
        for name in LAYERS:
            if step in kept:
                assert snapshot.thinned is None
                expected = activations(step, name)[rows]
                assert np.allclose(snapshot.activations(name), expected, rtol=2e-3, atol=2e-3)
            else:
                assert snapshot.thinned == 5
                with pytest.raises(ThinnedError, match=rf"at step {step} were thinned \(keep=5\)"):
                    snapshot.activations(name)
    assert size(both[1], "step-*") < 0.6 * size(both[0], "step-*")


def test_summaries_metrics_columns_and_the_matrix_of_subsets_stay(both: tuple[Path, Path]) -> None:
    whole, thinned = (open_run(one) for one in both)
    for step in STEPS:
        one, other = whole.snapshot(step), thinned.snapshot(step)
        assert other.record.metrics == one.record.metrics
        assert other.instances.equals(one.instances)
        for name in LAYERS:
            assert np.allclose(other.summary(name, 1).mean[0], activations(step, name).mean(axis=0), atol=1e-3)
            for field in ("count", "mean", "std", "min", "max"):
                assert np.array_equal(
                    getattr(other.summary(name), field), getattr(one.summary(name), field), equal_nan=True
                )
            assert np.array_equal(
                other.matrix(name, ["all", "wrong"]).statistics["mean"],
                one.matrix(name, ["all", "wrong"]).statistics["mean"],
                equal_nan=True,
            )


def test_what_needs_activations_says_in_words_what_happened(both: tuple[Path, Path]) -> None:
    snapshot = open_run(both[1]).snapshot(1)
    for ask in (
        lambda: snapshot.projection("late"),
        lambda: snapshot.projection("late", "tsne"),
        lambda: snapshot.matrix("late", ['site == "B"']),
        lambda: snapshot.neuron_detail("late", 0),
        lambda: snapshot.instance_detail("late", 0),
    ):
        with pytest.raises(ThinnedError, match="were thinned"):
            ask()


def test_projections_of_kept_steps_pass_over_the_thinned_ones(both: tuple[Path, Path]) -> None:
    whole, thinned = (open_run(one) for one in both)
    one, other = whole.latest.projection("early").xy, thinned.latest.projection("early").xy
    assert np.allclose(np.abs(one), np.abs(other), atol=1e-3)


def test_findings_name_the_first_step_though_it_was_thinned(both: tuple[Path, Path]) -> None:
    """Planted: site B fails since step 3, `late` has collapsed since step 5; neither step is kept."""
    whole, thinned = (open_run(one) for one in both)
    assert not {3, 5} & set(thinned.steps_with_instances)
    assert found(thinned.latest) == found(whole.latest)
    since = {one.kind: one.step for one in thinned.findings()}
    assert since["failing-slice"] == 3
    assert since["collapsed"] == 5


def test_findings_of_a_thinned_step_are_those_that_were_found_at_it(both: tuple[Path, Path]) -> None:
    whole, thinned = (open_run(one) for one in both)
    for step in set(STEPS) - set(thinned.steps_with_instances):
        assert found(thinned.snapshot(step)) == found(whole.snapshot(step))
        assert "were thinned (keep=5)" in thinned.snapshot(step).look_for_findings().notes[0]


def test_the_check_finds_a_thinned_run_as_it_should_be(
    both: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_check(both[1]) == 0
    assert ": 5 whole snapshots, 7 thinned, " in capsys.readouterr().out


def test_a_file_that_is_missing_is_another_thing_than_a_step_that_was_thinned(tmp_path: Path) -> None:
    made = recorder(tmp_path / "run", 3)
    log(made, range(6))
    made.close()
    (tmp_path / "run" / "activis").joinpath(f"step-{5:010d}-{made.session.name}.safetensors").unlink()
    snapshot = open_run(tmp_path / "run").latest
    assert snapshot.thinned is None
    with pytest.raises(UnreadableError, match="is missing"):
        snapshot.activations("late")
    assert check_directory(tmp_path / "run" / "activis").problems


def test_steps_that_are_logged_again_and_sessions_that_go_on(tmp_path: Path) -> None:
    """A session from an earlier checkpoint, a step twice, another `keep`: what no longer counts goes first."""
    for keep, steps in ((4, [0, 1, 2, 3, 4, 5, 6]), (4, [3, 4]), (None, [5, 6, 7, 8]), (3, [8, 9]), (3, [20])):
        made = recorder(tmp_path / "run", keep)
        log(made, steps)
        made.close()
        run = open_run(tmp_path / "run")
        assert run.problems == ()
        kept = run.steps_with_instances
        assert (kept[0], kept[-1]) == (0, steps[-1])
        if keep is not None:
            assert len(kept) <= keep
        for step in kept:
            rows = np.array(run.snapshot(step).instances["id"].to_pylist())
            expected = activations(step, "early")[rows]
            assert np.allclose(run.snapshot(step).activations("early"), expected, rtol=2e-3, atol=2e-3)
        assert check_directory(tmp_path / "run" / "activis").problems == []
    assert run.steps == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20]


def test_a_table_goes_when_only_thinned_steps_name_it(tmp_path: Path) -> None:
    """Other pictures at each step: the kept steps have theirs, the others everything but the pictures."""
    made = recorder(tmp_path / "run", 3)
    log(made, range(7), pictures=None)
    made.close()
    run = open_run(tmp_path / "run")
    tables = list((tmp_path / "run" / "activis").glob("instances-*.parquet"))
    assert sum(".thinned." not in path.name for path in tables) == 3
    for step in run.steps:
        names = run.snapshot(step).instances.column_names
        assert ("image" in names) == (step in run.steps_with_instances)
        assert {"id", "label", "site", "prediction", "correct"} <= set(names)
    assert {one.kind: one.step for one in run.findings()}["failing-slice"] == 3
    assert check_directory(tmp_path / "run" / "activis").problems == []


def test_a_table_that_a_kept_step_shares_is_never_touched(both: tuple[Path, Path]) -> None:
    (table,) = (both[1] / "activis").glob("instances-*.parquet")
    assert ".thinned." not in table.name
    assert open_run(both[1]).snapshot(1).instances.num_rows == INSTANCES


def test_a_full_disk_while_thinning_costs_a_warning_and_no_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    made = recorder(tmp_path / "run", 2)
    log(made, range(2))
    with monkeypatch.context() as patch:
        patch.setattr(removal, "write_tensors", full)
        with pytest.warns(ActiVisWarning, match="could not be thinned.*No space left on device") as warned:
            log(made, range(2, 5))
        assert len(warned) == 1
        assert open_run(tmp_path / "run").steps_with_instances == [0, 1, 2, 3, 4]
    log(made, [5])
    made.close()
    run = open_run(tmp_path / "run")
    assert run.steps_with_instances == [0, 5]
    assert not list((tmp_path / "run" / "activis").glob("*.partial"))


def test_a_step_whose_summaries_are_damaged_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    made = recorder(tmp_path / "run", 2)
    log(made, range(2))
    path = tmp_path / "run" / "activis" / f"step-{1:010d}-{made.session.name}.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.warns(ActiVisWarning, match="cannot be thinned, and stays as it is: step 1"):
        log(made, range(2, 5))
    made.close()
    assert path.exists()
    assert open_run(tmp_path / "run").steps_with_instances == [0, 1, 4]


def test_what_lies_in_the_evidence_is_not_believed(both: tuple[Path, Path], tmp_path: Path) -> None:
    """Nonsense of every kind stands for nothing known; nothing raises."""
    from tensorboard_activis.query.findings.search import SEARCHES
    from tensorboard_activis.read.thinned import EVIDENCE_TENSOR
    from tensorboard_activis.write.tensors import write_tensors

    nonsense = [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b'{"variation": {"late": [1, "x", null]}, "before": 3, "after": {"record": 1}, "suspects": [-1], "known": []}',
        b'{"variation": {"late": [true, 1, 1]}, "findings": [1, {"kind": "dead"}, {"kind": []}], "notes": [3]}',
        b'{"findings": [{"kind": "dead", "title": "", "sentence": "", "strength": 1, "step": 0, "layer": "none"}]}',
        b'{"findings": [{"kind": "dead", "title": "", "sentence": "", "strength": 1, "step": 0, "neurons": [99]}]}',
    ]
    made = recorder(tmp_path / "run", 3)
    log(made, range(5))
    made.close()
    run = open_run(tmp_path / "run")
    (step, *_) = set(run.steps) - set(run.steps_with_instances)
    (path,) = (tmp_path / "run" / "activis").glob(f"step-{step:010d}-*.thinned.safetensors")
    from tensorboard_activis.read.array_file import ArrayFile

    file = ArrayFile(path)
    tensors = {name: file.read(file.tensor(name)).copy() for name in file.header.tensors}
    for content in nonsense:
        write_tensors(path, tensors | {EVIDENCE_TENSOR: np.frombuffer(content, np.uint8)}, {"activis.keep": "3"})
        again = open_run(tmp_path / "run")
        assert found(again.snapshot(step)) == []
        assert "not written, or cannot be read" in again.snapshot(step).look_for_findings().notes[-1] or not content
        for look in SEARCHES.values():
            look([again.snapshot(one) for one in again.steps])


def test_several_processes_log_and_thin_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thinned step no part is left, and one file stands in for all."""
    from tensorboard_activis.thinning import run as thinning
    from tests.faults import victim
    from tests.processes import run_threads

    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    monkeypatch.setattr(thinning, "measure", lambda *_: b"{}")

    def work(one: Any) -> None:
        snapshot = victim.log_with_recorder(tmp_path / "run", 5, keep=3, processes=one)
        for step in range(7):
            snapshot(step)
        snapshot.close()  # type: ignore[attr-defined]

    run_threads(3, work)
    run = open_run(tmp_path / "run")
    assert len(run.steps_with_instances) == 3
    names = [path.name for path in (tmp_path / "run" / "activis").glob("step-*")]
    assert len(names) == 3 * 3 + 4
    for step in run.steps:
        snapshot = run.snapshot(step)
        rows = np.array(snapshot.instances["id"].to_pylist())
        assert sorted(rows) == list(range(victim.INSTANCES))
        if snapshot.thinned is None:
            expected = victim.activations(5, step)[0][rows]
            assert np.allclose(snapshot.activations("stem"), expected, rtol=2e-3, atol=2e-3)
    assert check_directory(tmp_path / "run" / "activis").problems == []
