"""Decides at which step an evaluation of Hugging Face's Trainer is logged: that of the weights that it ran on."""

import json
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from tensorboard_activis.capture.torch.distributed.processes import broadcast_text


@dataclass(frozen=True)
class Decision:
    """At which step an evaluation is logged.

    Attributes:
        step: None if it is not logged.
        reason: what is to be said of it, "" for nothing.
    """

    step: int | None
    reason: str = ""


class WeightSteps:
    """The steps of the snapshots that were logged, by run, with fingerprints of the weights that they are of.

    A fingerprint changes with every write to a parameter or buffer: `ActiVisLogger.weights_version`.
    """

    def __init__(self) -> None:
        self._logged: defaultdict[str, dict[int, Hashable]] = defaultdict(dict)
        self._best: tuple[int, Hashable] | None = None

    def begin_training(self) -> None:
        """Forgets what was logged: the steps of another training begin anew."""
        self._logged.clear()
        self._best = None

    def end_training(self, args: Any, state: Any, fingerprint: Hashable) -> None:
        """Notes that the Trainer has loaded the best weights, if it has, and of which step they are."""
        best = getattr(state, "best_global_step", None)
        if args.load_best_model_at_end and state.best_model_checkpoint is not None and best:
            self._best = best, fingerprint

    def add(self, run: str, step: int, fingerprint: Hashable) -> None:
        """Notes a snapshot."""
        self._logged[run][step] = fingerprint

    def decide(self, run: str, step: int, fingerprint: Hashable) -> Decision:
        """At which step an evaluation is logged, so that no snapshot of other weights is replaced.

        Arguments:
            run: where it would be logged.
            step: the trainer's.
            fingerprint: of the weights now.
        """
        logged = self._logged[run]
        last = max(logged, default=-1)
        if self._best is not None and self._best[1] == fingerprint:
            best = self._best[0]
            loaded = f"evaluate() after training ran on the best weights, those of step {best} (load_best_model_at_end)"
            if best in logged and best < last:
                return Decision(
                    None, f"{loaded}. The snapshot of step {best} shows them, so nothing is logged at step {step}."
                )
            if best < last:
                return Decision(
                    None,
                    f"{loaded}. That step was not logged, and logging it now would replace the snapshots of later steps, up to "
                    f"{last}; nothing is logged. To see these weights, log them to another directory with "
                    "tensorboard_activis.torch.ActiVisLogger.",
                )
            return Decision(best, "" if best == step else f"{loaded}. Its snapshot is filed under step {best}.")
        if step == last and logged[last] != fingerprint:
            return Decision(
                None,
                f"evaluate() at step {step} ran on other weights than the evaluation that was logged at this step: parameters or "
                "buffers were written to since. The snapshot stays, and nothing is logged. To see these weights, log them to "
                "another directory with tensorboard_activis.torch.ActiVisLogger.",
            )
        return Decision(step)


def agreed(decision: Decision, *, together: bool) -> Decision:
    """The decision of the first process, where several log together."""
    if not together:
        return decision
    return Decision(*json.loads(broadcast_text(json.dumps([decision.step, decision.reason]))))
