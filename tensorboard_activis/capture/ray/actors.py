"""The actors of an evaluation: they are made, given parts, and let go; Ray makes lost ones again and repeats their calls.

Actors of our own, and not those of `Dataset.map_batches`: these give an output for every batch, which for statistics over all
instances is more than what went in, and have no call at the end of a block. Here a part of many batches gives one contribution.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import ray

from tensorboard_activis.capture.ray.evaluator import Evaluated, Evaluator, Part, Plan, Prepared
from tensorboard_activis.errors import ActiVisError, ConfigurationError

#: Parts that an actor has at a time: one is evaluated, the blocks of the other are brought to it.
_QUEUE = 2
#: So often Ray repeats the evaluation of a part whose actor was lost.
RETRIES = 3

_NO_PACKAGE = "No module named 'tensorboard_activis'"
_INSTALL = (
    "The workers of the Ray cluster cannot import tensorboard_activis. Install it in their image, or have Ray do so: "
    'ray.init(runtime_env={"pip": ["tensorboard-activis"]}); from a checkout, runtime_env={"py_modules": [tensorboard_activis]}. '
    "The model's framework is needed there as well."
)


class Actors:
    """A pool of actors, to be used as a context.

    Arguments:
        plan: what they are told.
        number: of actors.
        num_cpus, num_gpus: that each takes of the cluster.
    """

    def __init__(self, plan: Plan, number: int, num_cpus: float, num_gpus: float) -> None:
        remote = ray.remote(Evaluator).options(
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            max_restarts=-1,
            max_task_retries=RETRIES,
            scheduling_strategy="SPREAD",
        )
        self._plan = ray.put(plan)
        self._actors = [remote.remote() for _ in range(number)]
        self._load = [0] * number
        self._pending: dict[Any, int] = {}
        self._accepted: set[int] = set()

    def __enter__(self) -> "Actors":
        return self

    def __exit__(self, *error: object) -> None:
        for actor in self._actors:
            ray.kill(actor)

    def prepare(self, head: Any) -> Prepared:
        """What the first batch decides, on the first actor; `head` is a reference to it. Raises ConfigurationError."""
        prepared: Prepared = result(self._actors[0].prepare.remote(self._plan, head))
        return prepared

    @property
    def capacity(self) -> int:
        """How many parts can be given away at a time."""
        return _QUEUE * len(self._actors)

    @property
    def has_room(self) -> bool:
        """Whether another part can be given away."""
        return min(self._load) < _QUEUE

    def begin(
        self, part: Part, prepared: Any, bound: np.uint64 | None, head: Any, kept: Any, blocks: list[Any]
    ) -> None:
        """Gives a part to the actor that has least; see `Evaluator.evaluate`."""
        actor = int(np.argmin(self._load))
        ref = self._actors[actor].evaluate.remote(self._plan, part, prepared, bound, head, kept, *blocks)
        self._load[actor] += 1
        self._pending[ref] = actor

    def finished(self, *, all_of_them: bool = False) -> Iterator[Evaluated]:
        """Waits for a part, and gives it and what else is ready; each part once.

        Arguments:
            all_of_them: wait for all.

        Raises:
            ActiVisError: a part failed, or was lost too often.
        """
        while self._pending:
            ready, _ = ray.wait(list(self._pending), num_returns=1)
            for ref in ready:
                self._load[self._pending.pop(ref)] -= 1
                evaluated: Evaluated = result(ref)
                if self.accept(evaluated):
                    yield evaluated
            if not all_of_them:
                return

    def accept(self, evaluated: Evaluated) -> bool:
        """Whether a part is taken: each is taken once, whatever was repeated."""
        if evaluated.number in self._accepted:
            return False
        self._accepted.add(evaluated.number)
        return True


def result(ref: Any) -> Any:
    """What a call gave.

    Raises:
        ActiVisError: it failed; the message is for the user, as that of the error on the worker was.
    """
    try:
        return ray.get(ref)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        if isinstance(cause, ActiVisError):
            raise type(cause)(str(cause)) from error
        if _NO_PACKAGE in str(error):
            raise ConfigurationError(_INSTALL) from error
        raise ActiVisError(f"The evaluation failed on an actor: {type(cause).__name__}: {cause}") from error
    except ray.exceptions.RayError as error:
        if _NO_PACKAGE in str(error):
            raise ConfigurationError(_INSTALL) from error
        raise ActiVisError(
            f"An actor was lost, and so were those that Ray put in its place ({RETRIES} times). Where memory ran out, take a "
            f"smaller batch_size, fewer actors per machine or fewer layers. {type(error).__name__}: {error}"
        ) from error
