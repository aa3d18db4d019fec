"""Watches the evaluations of one Trainer: every evaluation set goes to a run of its own."""

import os
from collections.abc import Callable, Hashable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from transformers.trainer_pt_utils import find_batch_size

from tensorboard_activis.capture.distributed.processes import OtherProcessError
from tensorboard_activis.capture.isolation.interrupts import bracketed
from tensorboard_activis.capture.torch.data.instance_order import dataset_indices
from tensorboard_activis.capture.torch.data.noted_indices import forget_indices, note_indices, noted_indices
from tensorboard_activis.capture.torch.hugging_face.directories import StrPath, Writer, log_together, takes_part
from tensorboard_activis.capture.torch.hugging_face.loggers import Loggers
from tensorboard_activis.capture.torch.hugging_face.sets import MOST, EvaluationSets
from tensorboard_activis.capture.torch.hugging_face.steps import WeightSteps, agreed
from tensorboard_activis.capture.torch.hugging_face.trainer import label_of
from tensorboard_activis.errors import ActiVisError, ConfigurationError, warn


@dataclass
class _Evaluation:
    """One call of `evaluation_loop`.

    Attributes:
        loader: its batches.
        dataset: what `evaluate` was given.
        prefix: of its metrics.
        batches: how many were evaluated.
        error: what went wrong in it.
        opened: whether it was decided if it is watched.
        watched: the watch; None if it is not.
    """

    loader: Any
    dataset: Any
    prefix: str
    run: str = ""
    step: int = 0
    fingerprint: Hashable = None
    batches: int = 0
    error: BaseException | None = None
    opened: bool = False
    watched: Any = None

    def ordered_loader(self) -> Any:
        """The loader, if it says how the instances of this process are identified; None for one that gets batches from another."""
        return None if type(self.loader).__name__ == "DataLoaderDispatcher" else self.loader

    def needs_indices(self) -> bool:
        """Whether which instances the loader gives can be known only while it is iterated."""
        return self.ordered_loader() is not None and dataset_indices(self.loader) is None

    def is_complete(self) -> bool:
        """Whether all batches were evaluated, as far as the loader's length is known."""
        try:
            return self.batches == len(self.loader)
        except TypeError:
            return False


class TrainerWatch(Writer):
    """Watches the evaluations of one trainer, but not its predictions.

    Arguments:
        callback: on whose behalf; when the trainer no longer has it, nothing is watched.
        loggers: makes the loggers.
        late: whether it was made in an evaluation, which is then not watched.

    Attributes:
        training: whether the trainer trains. While it does, loggers hold their directories.
        evaluations: calls of `evaluation_loop`, less those whose end was an event.
    """

    def __init__(self, callback: Any, loggers: Loggers, *, late: bool = False) -> None:
        super().__init__()
        self.callback, self._loggers, self.late = callback, loggers, late
        self._loggers_by_run: dict[str, Any] = {}
        self._model: Any = None
        self._current: _Evaluation | None = None
        self._requested: tuple[Any, Any] = (None, None)
        self._sets, self._steps = EvaluationSets(), WeightSteps()
        self._said: set[str] = set()
        self._given_up: set[str] = set()
        self.training, self.evaluations = False, 0

    def __reduce__(self) -> tuple[Any, ...]:
        return TrainerWatch, (self.callback, self._loggers)

    @property
    def is_busy(self) -> bool:
        """Whether an evaluation is being watched."""
        return self._current is not None

    # What the trainer's methods do while it is watched.

    def get_eval_dataloader(self, trainer: Any, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Remembers which set the loader is for."""
        loader = method(*args, **kwargs)
        self._requested = loader, _argument("eval_dataset", 0, args, kwargs)
        return loader

    def evaluation_loop(self, trainer: Any, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Watches the evaluation, unless it is one for `predict`."""
        outer, evaluation = self._current, self._evaluation(trainer, args, kwargs)

        def begin() -> None:
            self._current = evaluation
            if evaluation is not None and evaluation.needs_indices():
                note_indices(evaluation.loader)

        def run() -> Any:
            # An evaluation inside of another one, as by a callback, is not part of that.
            with nullcontext() if outer is None or outer.watched is None else outer.watched.ignoring():
                output = method(*args, **kwargs)
            if evaluation is not None:
                self._end(trainer, evaluation)
            return output

        def end(failed: bool) -> None:
            self._current = outer
            if evaluation is not None:
                forget_indices(evaluation.loader)
                if failed and not evaluation.is_complete():
                    evaluation.error = evaluation.error or ActiVisError("The evaluation was not completed.")
                if failed:  # after the last batch, as in the user's metrics, it concerns no activation
                    self._end(trainer, evaluation)
            if outer is None and not self.training:
                self._suspend()

        return bracketed(begin, run, end)

    def prediction_step(self, trainer: Any, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Watches one batch."""
        evaluation = self._current
        inputs = _argument("inputs", 1, args, kwargs)
        watched = None if evaluation is None else self._watched(trainer, evaluation, inputs)
        if evaluation is None or watched is None:
            return method(*args, **kwargs)
        labels = label_of(trainer, inputs)  # before the loss takes them out
        try:
            watched.begin(inputs)
            result = method(*args, **kwargs)
            watched.end(labels=labels)
        except BaseException as error:
            evaluation.error = error
            raise
        evaluation.batches += 1
        return result

    # The trainer's events.

    def begin_training(self, trainer: Any) -> None:
        """Takes the directory, and forgets what was logged before."""
        self._suspend()
        self._steps.begin_training()
        self.training = True
        self._given_up.clear()
        before, self.directory = self.directory, None
        if self._enter(trainer) != before:
            self.close()

    def begin_health(self, trainer: Any, loader: Any) -> None:
        """Begins to measure training health, with the logger of the trainer's own evaluations; `loader`: that of training."""
        own = trainer.eval_dataset
        run = self._sets.name(trainer, next(iter(own), "") if isinstance(own, dict) else own, "eval", 0)
        try:
            self._logger(trainer, run or "", loader).training_step = trainer.state.global_step
        except Exception as error:
            self._lost(trainer, run or "", error)

    def end_training(self, trainer: Any) -> None:
        """Releases the directories, after a look at the weights: they may be those of the best step now."""
        logger = next(iter(self._loggers_by_run.values()), None)
        if logger is not None:
            self._steps.end_training(trainer.args, trainer.state, logger.weights_version())
        self.training = False
        self._suspend()

    def close(self) -> None:
        for logger in self._loggers_by_run.values():
            logger.close()
        self._loggers_by_run.clear()

    def _suspend(self) -> None:
        """Releases the directories. The loggers stay, so that the model is not recorded anew for the next evaluation."""
        for logger in self._loggers_by_run.values():
            logger.suspend()

    def say(self, trainer: Any, topic: str, message: str) -> None:
        """Warns of a topic, once, in one of several processes."""
        if topic not in self._said and trainer.state.is_world_process_zero:
            self._said.add(topic)
            warn(f"ActiVis: {message}")

    # One evaluation.

    def _evaluation(self, trainer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Evaluation | None:
        """The evaluation that begins with these arguments of `evaluation_loop`; None if it is not to be watched."""
        (requested, dataset), self._requested = self._requested, (None, None)
        prediction = _argument("description", 1, args, kwargs) == "Prediction"
        removed = all(each is not self.callback for each in trainer.callback_handler.callbacks)
        if prediction or removed or not takes_part(trainer.state, trainer.args):
            return None
        self.evaluations += 1
        loader = _argument("dataloader", 0, args, kwargs)
        prefix = _argument("metric_key_prefix", 4, args, kwargs) or "eval"
        if loader is not requested:  # made by a method of the user's own
            dataset = None if prefix == "eval" else getattr(loader, "dataset", loader)
        return _Evaluation(loader, dataset, prefix)

    def _watched(self, trainer: Any, evaluation: _Evaluation, first: Any = None) -> Any:
        """The watch of an evaluation, opened at its first batch, when the trainer has prepared the model; None: not watched."""
        if not evaluation.opened:
            evaluation.opened = True
            notes = noted_indices(evaluation.loader)
            if notes is not None and notes.first_size != find_batch_size(first):
                forget_indices(evaluation.loader)  # the collator makes more or fewer instances than it gets
            try:
                self._open(trainer, evaluation)
            except Exception as error:
                self._lost(trainer, evaluation.run, error)
        return evaluation.watched

    def _open(self, trainer: Any, evaluation: _Evaluation) -> None:
        step = trainer.state.global_step
        run = self._sets.name(trainer, evaluation.dataset, evaluation.prefix, step)
        if run is None:
            self.say(
                trainer,
                "sets",
                f"evaluate() was given more than {MOST} sets; further ones are not logged. A metric_key_prefix names a set, "
                "also where it is made anew for every evaluation.",
            )
        if run is None or run in self._given_up:
            return
        evaluation.run = run
        logger = self._logger(trainer, run, evaluation.loader)
        fingerprint = logger.weights_version()
        decision = agreed(self._steps.decide(run, step, fingerprint), together=log_together(trainer.args))
        if decision.reason:
            self.say(trainer, decision.reason, decision.reason)
        if decision.step is not None:
            evaluation.step, evaluation.fingerprint = decision.step, fingerprint
            evaluation.watched = logger.open_watch(decision.step, loader=evaluation.ordered_loader())

    def _logger(self, trainer: Any, run: str, loader: Any) -> Any:
        """The logger of a set."""
        if trainer.model is not self._model:
            self.close()
            self._model = trainer.model
        directory = self._enter(trainer)
        if run not in self._loggers_by_run:
            below = os.path.join(directory, run) if run else directory
            self._loggers_by_run[run] = self._loggers.make(
                below,
                trainer.args,
                trainer.model,
                trainer.processing_class,
                None,
                loader,
                health=not self._loggers_by_run,
            )
            self._say_where(trainer, run, directory)
        return self._loggers_by_run[run]

    def _enter(self, trainer: Any) -> StrPath:
        self.enter(self.directory or self._loggers.directory(trainer.args), trainer.state)
        assert self.directory is not None
        return self.directory

    def _say_where(self, trainer: Any, run: str, directory: StrPath) -> None:
        own = trainer.eval_dataset
        if isinstance(own, dict):
            names = ", ".join(self._sets.name(trainer, key, "", 0) or "" for key in own)
            self.say(
                trainer,
                "where",
                f"the trainer evaluates {len(own)} sets. Each is logged to a run of its own below {directory}: {names}. Other "
                "sets that evaluate() is given go there too, by their metric_key_prefix.",
            )
        elif run:
            self.say(
                trainer,
                "where",
                f"evaluate() was given another set than the trainer's own. The trainer's own is logged to {directory}, this one "
                f"to a run of its own below, {run}, and so are further ones, by their metric_key_prefix or a number.",
            )

    def _end(self, trainer: Any, evaluation: _Evaluation) -> None:
        """Publishes what was watched, or discards it after an error."""
        if evaluation.error is None and log_together(trainer.args):
            self._watched(trainer, evaluation)  # a process without any batch
        (watched, evaluation.watched), (error, evaluation.error) = (evaluation.watched, None), (evaluation.error, None)
        if watched is not None:
            watched.close(error)
            if error is None:
                self._steps.add(evaluation.run, evaluation.step, evaluation.fingerprint)

    def _lost(self, trainer: Any, run: str, error: Exception) -> None:
        """Reports an error that came before an evaluation was watched."""
        if self._loggers.strict:
            raise error
        text = f"{type(error).__name__}: {error}"
        lost = "ActiVis lost the snapshot of an evaluation; training goes on."
        if isinstance(error, ConfigurationError):
            self._given_up.add(run)
            if isinstance(error.__cause__, OtherProcessError) and not trainer.state.is_world_process_zero:
                return  # reported by the first process and by the one that it concerns
            text, lost = str(error), "ActiVis logs nothing of this training, which goes on."
            lost = lost if not run else f"ActiVis logs nothing of the evaluation set {run}; training goes on."
        if text not in self._said:
            self._said.add(text)
            warn(f"{lost} {text}")


def _argument(name: str, position: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return kwargs.get(name, args[position] if len(args) > position else None)
