"""Makes a snapshot of the forward passes of the user's own evaluation."""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any

import torch

from tensorboard_activis.capture.data.batch_forms import count_labels
from tensorboard_activis.capture.guard import Guard
from tensorboard_activis.capture.instances.metadata import BatchMetadata
from tensorboard_activis.capture.isolation.exclusive import exclusively
from tensorboard_activis.capture.isolation.interrupts import always, within
from tensorboard_activis.capture.open_snapshot import OpenSnapshot
from tensorboard_activis.capture.torch.data.batch import Batch, map_tensors
from tensorboard_activis.capture.torch.data.batches import Batches
from tensorboard_activis.capture.torch.forward_pass import Pass
from tensorboard_activis.capture.torch.generation import Generation
from tensorboard_activis.capture.torch.model.current_pass import current_pass, end_own_work, own_work
from tensorboard_activis.capture.torch.model.eager_mode import eager_mode
from tensorboard_activis.capture.torch.passes import PassCollector
from tensorboard_activis.errors import ActiVisError, ConfigurationError

#: Forward passes without `batch` from which on a loop is taken for one that has no labels.
_PENDING = 16


class Watch:
    """An evaluation that is watched; made by `ActiVisLogger.watch`, and used as the target of its `with`.

    Forward passes of the model in evaluation mode, in the thread of the `with` block, are collected. Nothing in here raises an
    exception into the evaluation: what goes wrong costs the snapshot, and is said once (`strict=True` raises it).

    Arguments:
        model: whose passes these are.
        collector: makes the collector of the passes.
        snapshot: of the evaluation.
        batches: how batches of trainers are read.
        guard: what reports errors.
        step: for messages.
        finish: called at the end, before the snapshot is published.
        is_same_order: whether the first batch is that of the evaluation before.
        dry: whether nothing is published.
        is_distributed: whether several processes log together, of which some may have no batch.

    Attributes:
        is_open: whether it has begun and not ended.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        collector: Callable[["Watch"], PassCollector],
        snapshot: OpenSnapshot,
        batches: Batches,
        guard: Guard,
        step: Any,
        finish: Callable[["Watch", PassCollector], None],
        is_same_order: Callable[[Batch], bool] = lambda first: True,
        *,
        dry: bool = False,
        is_distributed: bool = False,
    ) -> None:
        self._snapshot, self._batches, self._guard, self._step, self._dry = snapshot, batches, guard, step, dry
        self._collector = collector(
            self
        )  # which refers to this watch weakly: hooks on the model must not keep it alive
        self._generation = Generation(model, self._collector)
        self._finish, self._is_same_order = finish, is_same_order
        self._modes = ExitStack()
        self._outer = current_pass()
        self._error: Exception | None = None
        self._has_batches = self.is_open = False
        self._is_distributed = is_distributed
        self._unlabelled = False

    def batch(
        self,
        *,
        labels: Any = None,
        ids: Any = None,
        columns: Mapping[str, Any] | None = None,
        texts: Sequence[str] | Sequence[Sequence[str]] | None = None,
        inputs: Any = None,
        outputs: Any = None,
    ) -> None:
        """Says what the forward pass before it was for. All arguments are optional, one value per instance.

        After several passes, as of a batch in pieces, their instances are those of the batch in turn; if each is of the whole
        batch, as with test-time augmentation, the last one counts.

        Arguments:
            labels: in any form that a data loader may have them. None: those that the model was called with, if any.
            ids: instance ids, integers or strings. None: the position in the evaluation.
            columns: further columns, by name.
            texts: texts for a person to read, or lists of words.
            inputs: tensor [instances, ...] to show instead of the model's input.
            outputs: logits or predicted numbers, instead of the model's output.
        """
        self._attempt(
            lambda: self._batch(BatchMetadata(ids, columns or {}, texts), labels, inputs, outputs),
            strict=self._guard.strict,
        )

    def begin(self, raw: Any) -> None:
        """Begins a batch of a trainer: all that the model or its parts compute until `end` belongs to it.

        Arguments:
            raw: the batch, in any form that `data` may yield.
        """
        self._attempt(lambda: self._collector.begin(self._batches.batch(raw)))

    def end(self, labels: Any = None, outputs: Any = None) -> None:
        """Ends the batch that `begin` began.

        Arguments:
            labels, outputs: instead of those of the batch and of the model.

        Raises:
            ConfigurationError: an argument of the logger does not fit the model or the data, if this is a dry run.
        """
        self._has_batches = True
        self._attempt(lambda: self._collector.end(labels, outputs), strict=self._dry or self._guard.strict)

    @contextmanager
    def ignoring(self) -> Iterator[None]:
        """A context whose forward passes are not taken."""
        if self._collector.ignoring:
            yield
            return
        self._collector.pause()
        try:
            yield
        finally:
            self._collector.resume()

    def note(self, text: str) -> None:
        """Adds a note to the snapshot, if it comes to one."""
        self._attempt(lambda: self._snapshot.note(text))

    def open(self) -> None:
        """Begins to watch; the caller must call `close` whatever happens."""
        self.is_open = True
        self._modes.enter_context(eager_mode())
        self._generation.attach()
        self._collector.attach()

    def close(self, error: BaseException | None = None) -> None:
        """Ends the watch and publishes the snapshot; safe to call twice.

        Arguments:
            error: what ended the evaluation; then nothing is published.
        """
        if not self.is_open:
            return
        self.is_open = False
        if error is not None:
            always(self._detach)
            end_own_work(self._outer)
            self._snapshot.discard(error)
            return
        with self._guard(self._step):
            try:
                try:
                    if self._error is None:
                        self._flush()
                finally:
                    always(self._detach)
                if self._error is not None:
                    raise self._error
                exclusively(lambda: within(self._publish, own_work()))
            except BaseException as raised:
                self._snapshot.discard(raised)
                raise

    def __enter__(self) -> "Watch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(error)

    def __del__(self) -> None:
        """Removes the hooks, if nobody has closed the watch: Ctrl-C may come between it and its `with`, or in `__exit__`."""
        if hasattr(self, "_modes"):
            self._detach()

    def on_error(self, error: Exception) -> None:
        """Remembers what went wrong first, drops the snapshot, so that no other process waits for it, and takes no more passes."""
        if self._error is None:
            self._error = error
            self._collector.fail()
            self._snapshot.discard(error)

    def add_unlabelled(self) -> None:
        """Adds the passes so far as batches without labels, if there are too many of them for one batch."""
        if not self._has_batches and len(self._collector.passes) > _PENDING:
            self._unlabelled = True
            self._add_each(self._collector.take())

    def _attempt(self, work: Callable[[], None], strict: bool = False) -> None:
        if not self._collector.failed:
            try:
                work()
            except Exception as error:
                self.on_error(error)
        if strict and self._error is not None and (self._guard.strict or isinstance(self._error, ConfigurationError)):
            raise self._error

    def _detach(self) -> None:
        self._collector.detach()
        self._generation.detach()
        self._modes.close()

    def _publish(self) -> None:
        self._snapshot.complete()
        if not self._collector.evaluated and not self._is_distributed:
            raise ActiVisError(self._nothing("The model made no forward pass in evaluation mode while it was watched."))
        try:
            self._finish(self, self._collector)
        except ActiVisError as error:
            if type(error) is not ActiVisError or not self._generation.happened or self._collector.evaluated:
                raise
            raise ActiVisError(self._nothing(str(error))) from error
        self._snapshot.publish()

    def _nothing(self, what: str, otherwise: str = "") -> str:
        """Says that no pass was taken, and why, as far as it is known."""
        if self._collector.trained:
            return f"{what} The model was in training mode: call model.eval() before."
        return f"{what} {Generation.ADVICE if self._generation.happened else otherwise}".rstrip()

    def _batch(self, described: BatchMetadata, labels: Any, inputs: Any, outputs: Any) -> None:
        passes = self._collector.take()
        self._has_batches = True
        if self._unlabelled:
            raise ActiVisError(
                f"batch() came after more than {_PENDING} forward passes without one, which were taken for batches without "
                "labels. Call it after each forward pass."
            )
        columns = described.columns or {}
        if passes:
            labels = self._batches.labels_of(labels, sum(done.batch.instances for done in passes))
        known = (labels, described.ids, described.texts, *columns.values())
        count = next((_count(each) for each in known if each is not None), None)
        if not passes:
            otherwise = "Call it after a forward pass of the logger's own model, in the thread of the watch."
            raise ActiVisError(self._nothing("batch() came without a forward pass of the model before it.", otherwise))
        self._generation.happened = False
        sizes = [done.batch.instances for done in passes]
        if len(passes) > 1 and count is not None and set(sizes) == {count}:
            self._snapshot.note(
                f"Before batch() the model ran {len(passes)} times on the same number of instances; the last pass counts."
            )
            passes, sizes = passes[-1:], sizes[-1:]
        if len(passes) > 1 and sum(sizes) != count:
            raise ActiVisError(
                f"Before batch() the model ran {len(passes)} times, on {', '.join(map(str, sizes))} instances, which are neither "
                f"the batch in parts nor all of it{'' if count is None else f' ({count} instances)'}. Call batch() after each pass."
            )
        start = 0
        for done in passes:
            size = done.batch.instances if len(passes) > 1 or count is None else count

            def part(value: Any, start: int = start, size: int = size) -> Any:
                if isinstance(value, Mapping):
                    return {name: part(each) for name, each in value.items()}
                return value if value is None or len(passes) == 1 else value[start : start + size]

            metadata = BatchMetadata(
                part(described.ids), {name: part(values) for name, values in columns.items()}, part(described.texts)
            )
            self._add(done, metadata, part(labels), map_tensors(inputs, part), map_tensors(outputs, part))
            start += size

    def _add(
        self, done: Pass, described: BatchMetadata, labels: Any = None, inputs: Any = None, outputs: Any = None
    ) -> None:
        """Adds a pass, with what the user says of it."""
        batch = replace(done.batch, texts=described.texts)
        if labels is not None:
            count = _count(labels)
            if count != batch.instances:
                done = self._collector.again(done, count)
                batch = replace(done.batch, texts=described.texts)
            batch = replace(batch, labels=labels)
        if inputs is not None:
            batch = replace(batch, args=(inputs,), kwargs={})
        metadata = self._collector.read(batch)
        by_position = described.ids is None and metadata.ids is None
        if by_position and not self._collector.evaluated and not self._is_same_order(batch):
            self._snapshot.note(
                "The first instances are not those of the snapshot before, and instances are identified by their position, so an "
                "id may stand for another instance. Give ids= to batch(), or evaluate in a fixed order."
            )
        if described.ids is not None:
            ids = described.ids.tolist() if isinstance(described.ids, torch.Tensor) else list(described.ids)
            metadata = replace(metadata, ids=ids)
        arrays = {
            name: values.numpy(force=True) if isinstance(values, torch.Tensor) else values
            for name, values in (described.columns or {}).items()
        }
        metadata = replace(metadata, columns={**(metadata.columns or {}), **arrays})
        self._collector.add_pass(done.with_output(outputs), batch, metadata)

    def _add_each(self, passes: Sequence[Pass]) -> None:
        for done in passes:
            self._add(done, BatchMetadata(), done.batch.labels)

    def _flush(self) -> None:
        """At the end: passes without `batch` are batches without labels, unless there was a `batch`."""
        rest = self._collector.take()
        if not rest:
            return
        if self._has_batches:
            self._snapshot.note(f"After the last batch() the model ran {len(rest)} times; these passes are left out.")
        else:
            self._add_each(rest)


def _count(values: Any) -> int:
    """How many instances there are values of; labels may be those of several outputs."""
    count = count_labels(values)
    return len(values) if count is None else count


def weakly(method: Callable[..., None]) -> Callable[..., None]:
    """A bound method that does nothing once its object is gone."""
    reference = weakref.WeakMethod(method)

    def call(*args: Any) -> None:
        bound = reference()
        if bound is not None:
            bound(*args)

    return call
