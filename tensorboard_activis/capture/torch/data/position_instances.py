"""Reads torch batches whose positions are the instances: every token of a sequence, or every place of a map."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.graph.outputs import OutputFlow
from tensorboard_activis.capture.instances.contexts import PlaceContexts, TokenContexts
from tensorboard_activis.capture.instances.doubts import Doubts
from tensorboard_activis.capture.instances.metadata import BatchMetadata, checked_ids
from tensorboard_activis.capture.instances.position_ids import PositionIds
from tensorboard_activis.capture.instances.thumbnails import CHANNELS, is_image
from tensorboard_activis.capture.instances.token_texts import TokenTexts
from tensorboard_activis.capture.instances.unfit_words import UnfitWords, without_padding
from tensorboard_activis.capture.options import LoggerOptions
from tensorboard_activis.capture.score_output import ScoreOutput
from tensorboard_activis.capture.tasks.labels import IGNORED, check_range, check_width
from tensorboard_activis.capture.tasks.predictions import Predictions
from tensorboard_activis.capture.tasks.repeated import Repeated, objects
from tensorboard_activis.capture.tasks.tokens import MOST_KINDS
from tensorboard_activis.capture.torch.data.batch import Batch
from tensorboard_activis.capture.torch.data.instances import BatchReader, displayed_input, labels_of, shift_of_labels
from tensorboard_activis.capture.torch.data.positions import (
    Positions,
    is_encoder_decoder,
    mask_of,
    position_sizes,
    tokens_of,
)
from tensorboard_activis.capture.torch.data.scores import score_tensors
from tensorboard_activis.capture.torch.data.untold_padding import padding_of_positions
from tensorboard_activis.capture.torch.data.vocabulary import vocabulary_predictions
from tensorboard_activis.errors import ActiVisError, ConfigurationError

#: Columns of positions, beside those of their sequences.
COLUMNS = ("sequence", "position", "token", "y", "x", "before", "after")


class PositionReader(BatchReader):
    """Reads the positions of batches: ids, labels, outputs, columns and what is around each.

    Arguments:
        first, output, instances, options, flow, highest: as of `InstanceReader`.
        model: the user's.

    Attributes:
        score: which output of the model is the score.
        problem: message that says why the labels or outputs cannot be used; "" if they can.

    Raises:
        ConfigurationError: there is nothing that tells positions, or labels and class names do not fit each other or the model.
    """

    def __init__(
        self,
        first: Batch,
        output: Any,
        instances: int,
        options: LoggerOptions,
        flow: OutputFlow,
        highest: int = -1,
        model: Any = None,
    ) -> None:
        self._names, self._task = options["class_names"], options["task"]
        self._tokens = TokenTexts(options["tokenizer"])
        self._decodes, self._have_texts = is_encoder_decoder(model), False
        labels = labels_of(first)
        self.score = ScoreOutput(output, score_tensors, instances, labels, options, flow, highest)
        labels = self.score.labels_of(labels)
        self.problem = self.score.problem
        self._labelled = isinstance(labels, np.ndarray) and labels.ndim >= 2 and labels.dtype.kind in "iu"
        if labels is not None and not self._labelled and self._task != "none":
            got = list(labels.shape) if isinstance(labels, np.ndarray) else type(labels).__name__
            self.problem = (
                f"unit='position' needs a label for each position, whole numbers [instances, positions] or [instances, height, "
                f"width]; got {got}, so snapshots say nothing of right and wrong. Leave unit= out, or give such labels."
            )
        sizes = position_sizes(labels if self._labelled else None, first, decodes=self._decodes)
        if sizes is None:
            raise ConfigurationError(
                "unit='position' makes every token of a sequence, or every place of an image, an instance, but neither the labels "
                "nor the model's inputs have positions. Leave unit= out, or give labels [instances, positions]."
            )
        shape = self._score_shape(output, instances, sizes)
        self._width = None if shape is None else shape[-1]
        shifts = self._labelled and labels is not None and labels.ndim == 2
        self._shift = shift_of_labels(replace(first, labels=self.score.labels_of(first.labels))) if shifts else None
        width = self._width or 0
        self._is_vocabulary = self._labelled and width > 0 and (self._shift is not None or width > MOST_KINDS)
        if self._width is not None and not self._is_vocabulary and self._task != "none":
            check_width(self._names, self._width)
        if self._labelled and labels is not None and labels.size:
            check_range(int(labels.max()), None if self._is_vocabulary else self._names, self._width)

    def rows(
        self, batch: Batch, activations: Mapping[str, torch.Tensor], failures: dict[str, str]
    ) -> tuple[Mapping[str, torch.Tensor], int]:
        positions = self._positions(batch, batch.instances)
        fitting = {}
        for name, values in activations.items():
            sizes = tuple(values.shape[1:-1])
            if sizes == positions.sizes:
                fitting[name] = positions.rows(values).float()
            else:
                failures.setdefault(name, _other_sizes(sizes, positions.sizes))
        return fitting, len(positions)

    def record(
        self,
        batch: Batch,
        metadata: BatchMetadata,
        activations: Mapping[str, np.ndarray],
        output: Any,
        instances: int | None = None,
        *,
        pinned: bool = False,
    ) -> BatchRecord:
        count = instances or batch.instances
        positions = self._positions(batch, count)
        labels = self._labels(batch, positions, count)
        outputs = self._outputs(output, positions, labels, count)
        unfit = UnfitWords()
        columns, contexts, texts = self._described(batch, metadata, positions, count, unfit)
        padding = padding_of_positions(batch, positions, labels, count, decodes=self._decodes)
        sequences = self._sequence_ids(metadata, count, pinned=pinned)
        ids = PositionIds(sequences, positions.sequence, positions.position)
        columns = {"sequence": Repeated(sequences, positions.sequence), "position": positions.position, **columns}
        channels = contexts.channels if isinstance(contexts, PlaceContexts) else "last"
        return BatchRecord(
            activations,
            ids,
            None if isinstance(outputs, Predictions) else labels,
            outputs,
            columns,
            texts,
            channels=channels,
            contexts=contexts,
            pinned=pinned,
            doubts=Doubts(padding, unfit),
        )

    def _sequence_ids(self, metadata: BatchMetadata, count: int, *, pinned: bool) -> np.ndarray:
        """Ids of the sequences; pinned ones without ids are -1, -2, …, or "pinned 1", … where the others have texts."""
        ids = checked_ids(range(count) if metadata.ids is None else metadata.ids, count)
        if not pinned:
            self._have_texts = ids.dtype == object
        elif self._have_texts and ids.dtype != object:
            return objects([f"pinned {-number}" if number < 0 else str(number) for number in ids.tolist()])
        return ids

    def _positions(self, batch: Batch, count: int) -> Positions:
        labels = self.score.labels_of(labels_of(batch)) if self._labelled else None
        sizes = position_sizes(labels, batch, decodes=self._decodes)
        if sizes is None:
            raise ActiVisError(
                "A batch has neither labels nor inputs that tell its positions, unlike the batches before it."
            )
        mask = mask_of(batch, decodes=self._decodes)
        return Positions.of(sizes, count, None if mask is None else mask[:count])

    def _labels(self, batch: Batch, positions: Positions, count: int) -> np.ndarray | None:
        """The label of each position, int64 [positions], negative where there is none; None without labels."""
        labels = self.score.labels_of(labels_of(batch)) if self._labelled else None
        if not isinstance(labels, np.ndarray):
            return None if not self._labelled else np.full(len(positions), IGNORED)
        self.score.check(labels, self._width)
        labels = labels[:count].astype(np.int64)
        if self._shift:  # the label of a position is that of a later one, which is no padding
            ahead = np.full_like(labels, IGNORED)
            later = labels[:, self._shift :]
            real = None if positions.mask is None else positions.mask.numpy()[:, self._shift :]
            ahead[:, : -self._shift] = later if real is None else np.where(real, later, IGNORED)
            labels = ahead
        return positions.rows(torch.from_numpy(labels)).numpy()

    def _outputs(
        self, output: Any, positions: Positions, labels: np.ndarray | None, count: int
    ) -> np.ndarray | Predictions | None:
        scores = self._scores(output, count, positions.sizes)
        if scores is None:
            if self._width is None or self._is_vocabulary:
                return None
            return np.full((len(positions), self._width), np.nan, np.float32)
        if not self._is_vocabulary:
            return positions.rows(scores).float().numpy(force=True)
        real = None if positions.mask is None else positions.mask.flatten().nonzero()[:, 0]
        return vocabulary_predictions(scores.flatten(0, len(positions.sizes)), real, labels, self._tokens)

    def _scores(self, output: Any, count: int, sizes: tuple[int, ...]) -> torch.Tensor | None:
        """Scores [sequences, *sizes, classes] of an output, whose classes are its last axis or the second; None if it is none."""
        tensor = self.score.of(output, count)
        if tensor is None or tensor.dim() != len(sizes) + 2 or tensor.shape[0] != count:
            return None
        tensor = tensor.dequantize() if tensor.is_quantized else tensor.detach()
        assert isinstance(tensor, torch.Tensor)
        if tuple(tensor.shape[1:-1]) == sizes:
            return tensor
        moved: torch.Tensor = tensor.movedim(1, -1)
        return moved if tuple(moved.shape[1:-1]) == sizes else None

    def _score_shape(self, output: Any, count: int, sizes: tuple[int, ...]) -> tuple[int, ...] | None:
        scores = self._scores(output, count, sizes)
        if scores is None:
            if self._labelled and not self.problem and self._task != "none":
                got = getattr(self.score.of(output, count), "shape", None)
                self.problem = (
                    f"The labels are of positions {list(sizes)}, and the model's output has no scores for each of these: it is "
                    f"{'none' if got is None else list(got)}. Give labels of its size (unpack=), or name the output by output=."
                )
            return None
        return tuple(scores.shape)

    def _described(
        self, batch: Batch, metadata: BatchMetadata, positions: Positions, count: int, unfit: UnfitWords
    ) -> tuple[dict[str, Any], TokenContexts | PlaceContexts | None, Repeated | None]:
        """Columns of the positions, what is around them, and the texts of their sequences; adds to `unfit`."""
        own = next((name for name in metadata.columns or {} if name in COLUMNS), None)
        if own is not None:
            raise ConfigurationError(
                f"columns has {own!r}, which with unit='position' is a column of ActiVis's own. Choose another name, such as "
                f"'my_{own}'."
            )
        columns: dict[str, Any] = {
            name: Repeated(_values(values), positions.sequence) for name, values in (metadata.columns or {}).items()
        }
        texts = None if metadata.texts is None else list(metadata.texts)[:count]
        tokens = self._token_column(batch, texts, positions, count, unfit)
        if texts is not None:
            joined = [text if isinstance(text, str) else " ".join(map(str, text)) for text in texts]
            shown = Repeated(objects(joined), positions.sequence)
        else:
            shown = None
        if tokens is not None:
            column, apart = tokens
            return columns | {"token": column}, TokenContexts(column, apart, positions.sequence), shown
        if len(positions.sizes) == 2:
            width = positions.sizes[1]
            columns |= {"y": positions.position // max(width, 1), "x": positions.position % max(width, 1)}
            images = displayed_input(batch)
            channels_last = images is not None and images.ndim == 4 and images.shape[1] not in CHANNELS
            channels = "last" if channels_last else "first"
            if images is not None and is_image(images, channels):
                spatial = images.shape[1:3] if channels_last or images.ndim == 3 else images.shape[2:]
                if tuple(spatial) == positions.sizes:
                    images = images[:, None] if images.ndim == 3 else images
                    place = positions.position
                    return columns, PlaceContexts(images[:count], channels, positions.sequence, place), shown
        return columns, None, shown

    def _token_column(
        self, batch: Batch, texts: list[Any] | None, positions: Positions, count: int, unfit: UnfitWords
    ) -> tuple[Repeated, np.ndarray] | None:
        """The texts of tokens, and which values stand apart: the user's words where a text has one for each, else the model's."""
        if len(positions.sizes) != 1:
            return None
        tokens = tokens_of(batch, positions.sizes, decodes=self._decodes)
        found = None if tokens is None else self._tokens.repeated(positions.rows(tokens[:count].cpu()).numpy())
        words = self._words(texts or [], positions, count, found is not None, unfit)
        if not words:
            return found
        values = sorted({word for one in words.values() for word in one})
        number = {word: index for index, word in enumerate(values)}
        apart, index = np.ones(len(values), bool), np.full(len(positions), -1)
        if found is not None and len(words) < count:
            column, of_tokens = found
            index = np.where(column.index < 0, -1, column.index + len(values))
            values, apart = [*values, *column.values.tolist()], np.append(apart, of_tokens)
        starts = np.searchsorted(positions.sequence, np.arange(count)).tolist()
        for row, own in words.items():
            index[starts[row] : starts[row] + len(own)] = [number[word] for word in own]
        return Repeated(objects(values), index), apart

    def _words(
        self, texts: list[Any], positions: Positions, count: int, has_tokens: bool, unfit: UnfitWords
    ) -> dict[int, list[str]]:
        """By sequence, the user's words of its positions; sequences whose words do not fit are added to `unfit`."""
        real = np.bincount(positions.sequence, minlength=count).tolist()
        of_tokens = "the tokenizer's texts" if self._tokens.are_known else "their ids"
        mask, words = positions.mask, {}
        for row, text in enumerate(texts):
            if not isinstance(text, list | tuple):
                continue
            own = without_padding(text, None if mask is None else mask[row].numpy())
            if unfit.add(row, len(own), {real[row]}, of_tokens if has_tokens else "nothing"):
                words[row] = list(map(str, own))
        return words


def _values(values: Any) -> np.ndarray:
    return values if isinstance(values, np.ndarray) else objects(list(values))


def _other_sizes(sizes: tuple[int, ...], positions: tuple[int, ...]) -> str:
    return f"Its output has {list(sizes) or 'no'} positions where there are {list(positions)}."
