"""What is done with a snapshot once it was written: findings are looked for, then earlier steps give way to it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from tensorboard_activis import schema
from tensorboard_activis.alerts.alerts import alerts_of
from tensorboard_activis.stores.path import Location

OnPublished: TypeAlias = Callable[[Location, schema.Snapshot], Sequence[tuple[str, float]]]


def after_snapshot(options: Mapping[str, Any]) -> OnPublished | None:
    """What the keywords `on_finding`, `alerts`, `scalars` and `keep` ask for; None for nothing.

    It is called with the run's directory and the record of each snapshot, and returns scalars to write.
    """
    alerts, keep = alerts_of(options), options["keep"]
    if keep is None:
        return alerts
    from tensorboard_activis.thinning.logger import Thinner  # only here: it imports all kinds of findings

    thinner = Thinner(keep)

    def look_at(log_dir: Location, record: schema.Snapshot) -> Sequence[tuple[str, float]]:
        scalars = [] if alerts is None else alerts(log_dir, record)
        thinner(log_dir, record)
        return scalars

    return look_at
