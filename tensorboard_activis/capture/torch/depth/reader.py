"""Reads what the model's last norm and head make of every block's output, if of the last one they make the model's own logits."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.depth import TOP, DepthRecord
from tensorboard_activis.capture.graph.probabilities import ends_in_probabilities
from tensorboard_activis.capture.isolation.interrupts import within
from tensorboard_activis.capture.torch.data.instances import InstanceReader
from tensorboard_activis.capture.torch.depth.hooks import DepthHooks, PassRows
from tensorboard_activis.capture.torch.depth.tail import Tail, TailError
from tensorboard_activis.schema import Graph

#: How far the logits read after the last block may be from the model's own, as a share of the largest; in half precision.
_TOLERANCE, _HALF_TOLERANCE = 1e-3, 3e-2
#: Up to so many classes ties go to the first; of more, as of a vocabulary, only the likeliest are looked for.
_SORTED = 1024


class DepthReader:
    """Reads one evaluation, batch by batch.

    Arguments:
        hooks: on the model's blocks.
        graph: of the model.

    Attributes:
        problem: why nothing is recorded, as a sentence; "" as long as something is.
    """

    def __init__(self, hooks: DepthHooks, graph: Graph) -> None:
        self._row, self._hooks, self._graph = hooks.row, hooks, graph
        self._probabilities: bool | None = None
        self._tails: dict[int, Tail] = {}
        #: The tokens that the logits may be of: those that they were of in all batches so far.
        self._possible: set[str] | None = None
        self.problem = ""

    def added(
        self, record: BatchRecord, rows: PassRows | None, output: Any, instances: int, reader: InstanceReader
    ) -> BatchRecord:
        """The record of a batch, with what is read after each block if its instances have one class or one next token each.

        Arguments:
            rows: what its pass gave; None where not every block ran.
            output: what the model gave, or what the user says instead.
            instances: in the batch.
            reader: of its instances.
        """
        logits = reader.logits(output, instances)
        if logits is None:
            self._hooks.is_off = True
            return record
        if not self._tails:
            node = reader.score.node
            self._probabilities = None if node is None else ends_in_probabilities(self._graph, node)
        depth = self.read(rows, logits, record.labels, shift=reader.shift, probabilities=self._probabilities)
        return replace(record, depth=replace(depth, texts=reader.texts_of_tokens))

    def new_notes(self) -> list[str]:
        """Why nothing is recorded, in words, if it has not been said of this model before."""
        said = self._hooks.row.said
        new = [self.problem] if self.problem and self.problem not in said else []
        said.update(new)
        return new

    def read(
        self,
        rows: PassRows | None,
        logits: torch.Tensor,
        labels: np.ndarray | None,
        *,
        shift: int | None = None,
        probabilities: bool | None = None,
    ) -> DepthRecord:
        """Reads a batch.

        Arguments:
            rows: what its pass gave; None: nothing.
            logits: the model's own: [instances, classes], [instances] (two classes), or [instances, tokens, vocabulary].
            labels: class indices [instances], or tokens [instances, tokens]; negative: none.
            shift: of the labels of a language model (`next_token_shift`); None for a classifier.
            probabilities: whether the logits are probabilities already; None: as they look.
        """
        instances = logits.shape[0]
        if rows is None and not self.problem:
            return DepthRecord.unknown(self._row.keys, instances)
        if rows is not None and not self.problem:
            try:
                return within(
                    lambda: self._read(rows, logits.detach(), labels, shift, probabilities),
                    torch.no_grad(),
                    torch.autocast(rows.cast[0], rows.cast[2], enabled=rows.cast[1]),
                )
            except TailError as error:
                reason = str(error)
            except Exception as error:
                reason = (
                    f"{type(error).__name__} came up when they were computed again: {str(error).splitlines()[0]:.200}"
                )
            self._hooks.is_off = True
            self.problem = (
                "Prediction by depth is not recorded. It needs logits that are computed from one token of the last block's output "
                f"({self._row.last!r}), and here {reason}."
            )
        return DepthRecord.unknown(self._row.keys, instances, failed=True)

    def _read(
        self,
        rows: PassRows,
        logits: torch.Tensor,
        labels: np.ndarray | None,
        shift: int | None,
        probabilities: bool | None,
    ) -> DepthRecord:
        instances = logits.shape[0]
        tail = self._tail(rows, instances, logits)
        if shift is None:
            token = self._token(rows, tail, logits)
            known = None if labels is None else torch.from_numpy(_classes(labels))
        else:
            token = "before" if shift else "label"
            column = rows.tokens.names.index(token)
            places, each = rows.tokens.places[:, column].to(logits.device), torch.arange(instances)
            own = logits[each.to(logits.device), places.clamp(min=0)]
            if not _is_same(self._scores(rows, tail, len(rows.rows) - 1, column), own, places >= 0):
                raise TailError("they are not of the last token alone")
            target = places.cpu() + shift
            tokens = torch.from_numpy(labels) if labels is not None else torch.full((instances, 1), -1)
            inside = (places.cpu() >= 0) & (target < tokens.shape[1])
            known = torch.where(inside, tokens[each, target.clamp(0, tokens.shape[1] - 1)], -1)
        column = rows.tokens.names.index(token)
        read = [
            _readings(self._scores(rows, tail, block, column), known, rows.tokens.places[:, column], probabilities)
            for block in range(len(rows.rows))
        ]
        top, score, rank = (torch.stack(each, dim=1).numpy(force=True) for each in zip(*read, strict=True))
        name = {"end": "last", "label": "next", "before": "next"}.get(token, token)
        label = np.full(instances, -1) if known is None else known.numpy(force=True)
        label = np.where(rank.min(axis=1) > 0, label, -1).astype(np.int32)
        return DepthRecord(self._row.keys, top, score, rank, label, name)

    def _tail(self, rows: PassRows, instances: int, logits: torch.Tensor) -> Tail:
        if instances not in self._tails:
            if rows.recorder is None:
                raise TailError("no pass of as many instances was recorded")
            output = rows.output(logits)
            if output is None:
                raise TailError("they are none of the model's outputs")
            self._tails[instances] = rows.recorder.tail(output)
            self._hooks.known.add(instances)
        return self._tails[instances]

    def _token(self, rows: PassRows, tail: Tail, logits: torch.Tensor) -> str:
        """The token that the model's logits are of."""
        names = [name for name in rows.tokens.names if name in ("", "first", "last", "end")]
        last = len(rows.rows) - 1
        self._possible = {
            name
            for name in names
            if (self._possible is None or name in self._possible)
            and _is_same(self._scores(rows, tail, last, rows.tokens.names.index(name)), logits)
        }
        if not self._possible:
            raise TailError("they are of several, as where a model takes the mean over its tokens")
        return next(name for name in names if name in self._possible)

    def _scores(self, rows: PassRows, tail: Tail, block: int, column: int) -> torch.Tensor:
        """What the tail makes of one token of a block's output: [instances, classes]."""
        row = self._row
        part = rows.rows[block][:, column : column + 1]
        if row.positions is None:
            output = part[:, 0].movedim((0, 1), (row.batch, row.neurons))
        else:
            output = part.movedim((0, 1, 2), (row.batch, row.positions, row.neurons))
        return tail(output).reshape(part.shape[0], -1)


def _classes(labels: np.ndarray) -> np.ndarray:
    """Class indices, int64 [instances]: of soft labels [instances, classes] the likeliest."""
    return (labels.argmax(axis=1) if labels.ndim == 2 else labels).astype(np.int64)


def _is_same(read: torch.Tensor, own: torch.Tensor, where: torch.Tensor | None = None) -> bool:
    """Whether what is read after the last block is what the model says, up to rounding; `where`: of these instances."""
    own = own.reshape(own.shape[0], -1)
    if read.shape != own.shape:
        return False
    half = any(each.dtype in (torch.float16, torch.bfloat16) for each in (read, own))
    difference, size = (read.float() - own.float()).abs(), own.float().abs()
    known = torch.isfinite(own) if where is None else torch.isfinite(own) & where[:, None]
    if not bool(known.any()):
        return True
    limit = (_HALF_TOLERANCE if half else _TOLERANCE) * torch.where(known, size, 0).amax().clamp(min=1e-6)
    return bool((torch.where(known, difference, 0) <= limit).all())


def _readings(
    logits: torch.Tensor, labels: torch.Tensor | None, places: torch.Tensor, probabilities: bool | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The likeliest classes and their probabilities [instances, 5], and the label's rank [instances], of one block."""
    scores = logits.float()
    places = places.to(scores.device)
    if scores.shape[1] == 1:  # one number for two classes
        if probabilities is None:
            probabilities = bool(((scores >= 0) & (scores <= 1)).all())
        scores = torch.cat([1 - scores if probabilities else torch.zeros_like(scores), scores], dim=1)
    classes = scores.shape[1]
    usable = torch.isfinite(scores).all(dim=1) & (places >= 0)
    if probabilities is None:
        probabilities = bool(((scores >= 0) & ((scores.sum(dim=1, keepdim=True) - 1).abs() < 1e-3))[usable].all())
    shares = scores if probabilities else scores.softmax(dim=1)
    most = min(TOP, classes)
    if classes <= _SORTED:
        order = scores.sort(dim=1, descending=True, stable=True).indices[:, :most]
    else:
        order = scores.topk(most, dim=1).indices
    top = torch.full((len(scores), TOP), -1, dtype=torch.int32, device=scores.device)
    score = torch.full((len(scores), TOP), torch.nan, dtype=torch.float16, device=scores.device)
    top[:, :most], score[:, :most] = order.int(), shares.gather(1, order).half()
    top[~usable], score[~usable] = -1, torch.nan
    if labels is None:
        return top, score, torch.zeros(len(scores), dtype=torch.int32, device=scores.device)
    labels = labels.to(scores.device)
    known = usable & (labels >= 0) & (labels < classes)
    target = torch.where(known, labels, 0)[:, None]
    own = scores.gather(1, target)
    before = (scores > own) | ((scores == own) & (torch.arange(classes, device=scores.device) < target))
    return top, score, torch.where(known, 1 + before.sum(dim=1), 0).int()
