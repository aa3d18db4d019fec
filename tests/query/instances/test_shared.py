"""Instances that two snapshots kept: matched by id."""

from pathlib import Path

from tensorboard_activis.query.instances.shared import shared_instances
from tensorboard_activis.read.run import open_run
from tests.records import small_data, write_run


def test_instances_are_shared_by_id(tmp_path: Path) -> None:
    write_run(tmp_path / "one", small_data(), sample=11)
    write_run(tmp_path / "two", small_data(), sample=7)
    one, two = (open_run(tmp_path / name).latest for name in ("one", "two"))
    rows, others = shared_instances(one, two)
    assert len(rows) == 7
    ids = [each.instances.column("id").to_numpy() for each in (one, two)]
    assert ids[0][rows].tolist() == ids[1][others].tolist()
    assert shared_instances(one, one)[0].tolist() == list(range(11))
