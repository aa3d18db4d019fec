"""A data provider over TensorBoard's Python loader that returns the newest event of each step instead of the first."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tensorboard import errors
from tensorboard.context import RequestContext
from tensorboard.data import provider


class NewestOfEachStep:
    """A data provider over the Python loader that returns what the fast loader returns: the newest event of each step.

    An event replaces earlier ones at its step or a higher one. TensorBoard's loader does that itself where a session starts,
    but not with `--purge_orphaned_data false`, nor for runs that were logged without session starts.

    Arguments:
        source: TensorBoard's data provider.
        multiplexer: TensorBoard's `EventMultiplexer`, which it reads from.
    """

    def __init__(self, source: provider.DataProvider, multiplexer: Any) -> None:
        self._source, self._multiplexer = source, multiplexer

    def list_runs(self, ctx: RequestContext, *, experiment_id: str) -> Sequence[provider.Run]:
        """As TensorBoard's."""
        runs: Sequence[provider.Run] = self._source.list_runs(ctx, experiment_id=experiment_id)
        return runs

    def list_blob_sequences(
        self, ctx: RequestContext, *, experiment_id: str, plugin_name: str
    ) -> Mapping[str, Mapping[str, provider.BlobSequenceTimeSeries]]:
        """As TensorBoard's."""
        series: Mapping[str, Mapping[str, provider.BlobSequenceTimeSeries]] = self._source.list_blob_sequences(
            ctx, experiment_id=experiment_id, plugin_name=plugin_name
        )
        return series

    def read_blob_sequences(
        self,
        ctx: RequestContext,
        *,
        experiment_id: str,
        plugin_name: str,
        downsample: int,
        run_tag_filter: provider.RunTagFilter,
    ) -> Mapping[str, Mapping[str, Sequence[provider.BlobSequenceDatum]]]:
        """The current events by run and tag, steps ascending; all of them, whatever `downsample`."""
        series = self._source.list_blob_sequences(
            ctx, experiment_id=experiment_id, plugin_name=plugin_name, run_tag_filter=run_tag_filter
        )
        return {run: {tag: self._counting(run, tag) for tag in tags} for run, tags in series.items()}

    def read_blob(self, ctx: RequestContext, *, blob_key: str) -> bytes:
        """The blob of a key that `read_blob_sequences` returned. Raises NotFoundError."""
        run, tag, step = json.loads(blob_key)
        for event in reversed(self._events(run, tag)):
            if event.step == step and event.tensor_proto.string_val:
                content: bytes = event.tensor_proto.string_val[0]
                return content
        raise errors.NotFoundError(f"{tag} of {run} has no step {step}")

    def _counting(self, run: str, tag: str) -> list[provider.BlobSequenceDatum]:
        counting: list[provider.BlobSequenceDatum] = []
        for event in self._events(run, tag):
            while counting and counting[-1].step >= event.step:
                counting.pop()
            key = json.dumps([run, tag, event.step])
            values = (provider.BlobReference(key),) if event.tensor_proto.string_val else ()
            counting.append(provider.BlobSequenceDatum(event.step, event.wall_time, values))
        return counting

    def _events(self, run: str, tag: str) -> Sequence[Any]:
        try:
            events: Sequence[Any] = self._multiplexer.Tensors(run, tag)
        except KeyError:  # the run is gone
            return ()
        return events
