"""The plugin without TensorBoard around it: blobs from memory, files from a directory, answers as (status, body)."""

import argparse
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import werkzeug.test
from tensorboard import errors
from tensorboard.data import provider
from tensorboard.plugins import base_plugin

from tensorboard_activis import metadata
from tensorboard_activis.blobs import Blob
from tensorboard_activis.serve.plugin import ActiVisPlugin


class Provider:
    """As much of TensorBoard's data provider as the plugin asks."""

    def __init__(self, runs: Mapping[str, Sequence[Blob]]) -> None:
        self._runs = runs

    def list_plugins(self, ctx=None, *, experiment_id):
        return [metadata.PLUGIN_NAME]

    def list_runs(self, ctx=None, *, experiment_id):
        return [provider.Run(name, name, None) for name in self._runs]

    def list_blob_sequences(self, ctx=None, *, experiment_id, plugin_name, run_tag_filter=None):
        series = provider.BlobSequenceTimeSeries(
            max_step=0,
            max_wall_time=0.0,
            max_length=1,
            plugin_content=metadata.plugin_content(),
            description="",
            display_name="",
        )
        return {name: {blob.tag: series for blob in blobs} for name, blobs in self._runs.items()}

    def read_blob_sequences(self, ctx=None, *, experiment_id, plugin_name, downsample=None, run_tag_filter=None):
        wanted = run_tag_filter.runs if run_tag_filter is not None else None
        found: dict[str, dict[str, list[provider.BlobSequenceDatum]]] = {}
        for name, blobs in self._runs.items():
            if wanted is not None and name not in wanted:
                continue
            for index, blob in enumerate(blobs):
                key = provider.BlobReference(f"{name}\n{index}")
                datum = provider.BlobSequenceDatum(step=blob.step, wall_time=blob.wall_time, values=(key,))
                found.setdefault(name, {}).setdefault(blob.tag, []).append(datum)
        return found

    def read_blob(self, ctx=None, *, blob_key):
        name, _, index = blob_key.rpartition("\n")
        if name not in self._runs:
            raise errors.NotFoundError(blob_key)
        return self._runs[name][int(index)].content


class Served:
    """Asks the plugin's routes; what it could not explain to its user is kept in `internal`."""

    def __init__(self, logdir: Path, runs: Mapping[str, Sequence[Blob]]) -> None:
        flags = argparse.Namespace(logdir_spec="")
        context = base_plugin.TBContext(data_provider=Provider(runs), logdir=str(logdir), flags=flags)
        self._apps: dict[str, Callable[..., Any]] = dict(ActiVisPlugin(context).get_plugin_apps())
        self.internal: list[BaseException] = []
        logging.getLogger("tensorboard_activis.serve.responses").addFilter(self._keep)

    def _keep(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            self.internal.append(record.exc_info[1])
        return False

    def close(self) -> None:
        """Listens no more."""
        logging.getLogger("tensorboard_activis.serve.responses").removeFilter(self._keep)

    def ask(self, route: str, **parameters: object) -> tuple[int, bytes]:
        """Status and body of one request."""
        query = {
            name: json.dumps(value) if isinstance(value, (list, dict, bool)) else str(value)
            for name, value in parameters.items()
        }
        client = werkzeug.test.Client(self._apps[f"/{route}"])
        response = client.get(f"/data/plugin/activis/{route}", query_string=query)
        return response.status_code, response.get_data()

    def post(self, route: str, **parameters: object) -> tuple[int, bytes]:
        """The same with a body, which holds what an address cannot."""
        client = werkzeug.test.Client(self._apps[f"/{route}"])
        response = client.post(f"/data/plugin/activis/{route}", json=parameters)
        return response.status_code, response.get_data()
