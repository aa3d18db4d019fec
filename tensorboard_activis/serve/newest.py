"""A data provider over TensorBoard's Python loader that returns the newest event of each step instead of the first."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tensorboard import errors
from tensorboard.compat.proto import summary_pb2
from tensorboard.context import RequestContext
from tensorboard.data import provider

from tensorboard_activis.serve.cache import Cache

#: Events whose places are kept between questions.
_MOST_EVENTS = 100_000


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
        self._series: Cache[tuple[object, Sequence[provider.BlobSequenceDatum]]] = Cache(_MOST_EVENTS)

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
        """The current events by run and tag, steps ascending; all of them, whatever `downsample`.

        The tags of these runs are asked for directly: TensorBoard's own provider goes through the tags of all runs for that.
        """
        runs = self._multiplexer.Runs() if run_tag_filter.runs is None else run_tag_filter.runs
        tags = {run: self._tags(run, plugin_name) for run in runs}
        return {run: {tag: self._counting(run, tag) for tag in tags[run]} for run in runs if tags[run]}

    def read_blob(self, ctx: RequestContext, *, blob_key: str) -> bytes:
        """The blob of a key that `read_blob_sequences` returned. Raises NotFoundError."""
        step, _, series = blob_key.partition(" ")
        run, tag = json.loads(series)
        for event in reversed(self._events(run, tag)):
            if event.step == int(step) and event.tensor_proto.string_val:
                content: bytes = event.tensor_proto.string_val[0]
                return content
        raise errors.NotFoundError(f"{tag} of {run} has no step {step}")

    def _tags(self, run: str, plugin_name: str) -> list[str]:
        """The tags of a run that hold blobs of a plugin."""
        try:
            accumulator = self._multiplexer.GetAccumulator(run)
            tags = accumulator.PluginTagToContent(plugin_name)
        except KeyError:  # there is no such run, or it has nothing of the plugin
            return []
        blobs = summary_pb2.DATA_CLASS_BLOB_SEQUENCE
        return [tag for tag in tags if accumulator.SummaryMetadata(tag).data_class == blobs]

    def _counting(self, run: str, tag: str) -> Sequence[provider.BlobSequenceDatum]:
        """The current events of a series; made again only when the events are others."""
        events = self._events(run, tag)
        which = [(event.step, event.wall_time, bool(event.tensor_proto.string_val)) for event in events]
        kept = self._series.use((run, tag))
        if kept is None or kept[0] != which:
            kept = which, self._datums(run, tag, events)
            self._series.put((run, tag), kept, 1 + len(events))
        return kept[1]

    def _datums(self, run: str, tag: str, events: Sequence[Any]) -> Sequence[provider.BlobSequenceDatum]:
        counting: list[Any] = []
        for event in events:
            while counting and counting[-1].step >= event.step:
                counting.pop()
            counting.append(event)
        series = json.dumps([run, tag])
        return [
            provider.BlobSequenceDatum(
                event.step,
                event.wall_time,
                (provider.BlobReference(f"{event.step} {series}"),) if event.tensor_proto.string_val else (),
            )
            for event in counting
        ]

    def _events(self, run: str, tag: str) -> Sequence[Any]:
        try:
            events: Sequence[Any] = self._multiplexer.Tensors(run, tag)
        except KeyError:  # the run is gone
            return ()
        return events
