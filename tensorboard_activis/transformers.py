"""The callback for Hugging Face's `Trainer`: add `ActiVisCallback` to `Trainer(callbacks=[...])`."""

from typing import Any, Unpack

from transformers import TrainerCallback

from tensorboard_activis.capture.face import with_options
from tensorboard_activis.capture.instances.token_texts import decoder
from tensorboard_activis.capture.options import TorchOptions
from tensorboard_activis.capture.run_directory import RunDirectory
from tensorboard_activis.capture.torch.hugging_face.directories import StrPath, close_writers, takes_part
from tensorboard_activis.capture.torch.hugging_face.loggers import Loggers
from tensorboard_activis.capture.torch.hugging_face.own_pass import OwnPass
from tensorboard_activis.capture.torch.hugging_face.trainer import attach, calling_trainer, watches
from tensorboard_activis.capture.torch.hugging_face.watch import TrainerWatch
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.torch import ActiVisLogger

__all__ = ["ActiVisCallback"]


@with_options(TorchOptions)
class ActiVisCallback(TrainerCallback):
    """Logs the activations of a Hugging Face model's neurons, at every evaluation.

    The trainer's own evaluations are watched, in training and by `evaluate()`: what their forward passes compute becomes the
    snapshot, which so has the trainer's batches, labels (`label_names`), limits and weights, and costs no second pass. `predict()`
    is not watched, nor is what `generate` runs inside of an evaluation. Each evaluation set is a run of its own:

    - The trainer's `eval_dataset` is logged to `log_dir`.
    - Where that is a dict, each set is logged below, by the name of its metrics: `eval_easy`.
    - Another set that `evaluate` is given is logged below, by its `metric_key_prefix`, or a number: `test`, `eval_2`.

    Snapshots are filed under the step of the weights: `state.global_step`, or the best step after `load_best_model_at_end`. An
    evaluation replaces no snapshot of other weights; what is not logged for that reason is said. If the user's `compute_metrics`
    fails after the last batch, the snapshot stays; any other failure of an evaluation leaves none.

    Training stays as it is: weights, optimizer and random numbers are the same with and without the callback. Padding
    (`attention_mask`) counts in no mean. Tokens are decoded: instances have a column `text`, also in `subsets`, as in
    {"questions": 'endswith(text, "?")'}. Several processes log together, each the part of the data that it evaluates, as one would
    on all of them; also a model whose parameters are spread over them.

    Functions of a batch get it as the collator makes it; names of classes are by default those of the model's `config.id2label`.
    `id` and `columns` as sequences are for a single evaluation set.

    Arguments:
        data: other evaluation data, in a pass of its own beside every evaluation of the trainer and at the end of training: a data
            set or list of examples (dicts), which the trainer's collator makes batches of, or anything else that
            `ActiVisLogger` takes. None: the trainer's evaluations are watched.
        log_dir: run directory; what is written goes to `activis` inside it. None: `args.logging_dir`, or where the
            trainer's TensorBoard callback writes its scalars.
        tokenizer: decodes `input_ids`; None: the trainer's `processing_class`.

    Raises:
        ConfigurationError: an argument is wrong. What only the model can tell (layers that match nothing) is raised with `data`
            when training starts; without, there is a warning at the first evaluation, and training goes on (`strict=True` raises).
    """

    def __init__(
        self,
        data: Any = None,
        *,
        log_dir: StrPath | None = None,
        tokenizer: Any = None,
        **options: Unpack[TorchOptions],
    ) -> None:
        super().__init__()
        if tokenizer is not None and decoder(tokenizer) is None:
            raise ConfigurationError(
                f"tokenizer must be a tokenizer, or a processor that has one; got a {type(tokenizer).__name__}."
            )
        self._loggers = Loggers(ActiVisLogger, log_dir, tokenizer, options)
        self._pass = None if data is None else OwnPass(data, self._loggers)

    def on_init_end(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        self._watch()

    def on_train_begin(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        """Checks everything that can be checked before the first step."""
        if self._pass is not None:
            self._pass.begin_training(args, state, objects)
            return
        trainer, watch = self._watch()
        if watch is None or not takes_part(state, args):
            return
        watch.begin_training(trainer)
        if state.is_world_process_zero and watch.directory is not None:
            RunDirectory(watch.directory).close()  # raises errors that would otherwise come after the first epoch
        if self._loggers.options["health"]:
            watch.begin_health(trainer, objects.get("train_dataloader"))
        if str(getattr(args.eval_strategy, "value", args.eval_strategy)) == "no":
            watch.say(
                trainer,
                "no evaluation",
                "the trainer does not evaluate while it trains (eval_strategy='no'), so only your own calls of evaluate() are "
                "logged. Give TrainingArguments(eval_strategy='epoch') and an eval_dataset, or ActiVisCallback(data=...).",
            )

    def on_evaluate(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        if self._pass is not None:
            self._pass.evaluate(args, state, objects)
            return
        trainer, watch = self._watch(late=True)
        if watch is None or not takes_part(state, args):
            return
        if watch.late:
            watch.say(
                trainer,
                "late",
                "this evaluation is not logged, later ones are: the callback was added by add_callback, and the trainer's first "
                "event came after the evaluation. Give it to Trainer(callbacks=[...]).",
            )
        elif not watch.evaluations:
            watch.say(
                trainer,
                "own loop",
                f"an evaluation of {type(trainer).__name__} is not logged: it does not call evaluation_loop, so that it cannot be "
                "watched. Give ActiVisCallback(data=...), which is then evaluated beside it.",
            )
        watch.late, watch.evaluations = False, max(0, watch.evaluations - 1)

    def on_train_end(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        if self._pass is not None:
            self._pass.end_training(args, state, objects)
            return
        trainer, watch = self._watch()
        if watch is not None:
            watch.end_training(trainer)

    def close(self) -> None:
        """Closes the files, as the end of training does; safe to call twice."""
        if self._pass is not None:
            self._pass.close()
        close_writers(lambda writer: isinstance(writer, TrainerWatch) and writer.callback is self)

    def _watch(self, *, late: bool = False) -> tuple[Any, TrainerWatch | None]:
        """The trainer that calls, and the watch of its evaluations, which begins with the first call; None if there is none."""
        trainer = calling_trainer(self)
        if trainer is None or self._pass is not None:
            return trainer, None
        for watch in watches(trainer):
            if isinstance(watch, TrainerWatch) and watch.callback is self:
                return trainer, watch
        watch = TrainerWatch(self, self._loggers, late=late)
        attach(trainer, watch)
        return trainer, watch
