"""What TensorBoard shows of a log directory, under both of its loaders, without a browser."""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.context import RequestContext
from tensorboard.data import provider as provider_module
from tensorboard.data import server_ingester
from tensorboard.plugins import base_plugin
from tensorboard.util import grpc_util

from tensorboard_activis.serve.event_source import RequestScope
from tensorboard_activis.serve.runs import Runs

_PATIENCE = 180.0


def steps_by_loader(logdir: Path, run: str, wanted: set[int]) -> dict[str, list[int]]:
    """The steps of a run that can be shown: by Python's loader, and by RustBoard, once it has read as many as are wanted."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance={"activis": 0})
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    found = {"Python's loader": _steps(data_provider.MultiplexerDataProvider(multiplexer, str(logdir)), logdir, run)}
    with _rustboard(logdir) as provider:
        end = time.monotonic() + _PATIENCE
        while True:
            found["RustBoard"] = _steps(provider, logdir, run)
            if set(found["RustBoard"]) == wanted or time.monotonic() > end:
                return found
            time.sleep(0.05)


@contextmanager
def _rustboard(logdir: Path) -> Iterator[provider_module.DataProvider]:
    """The data server that TensorBoard starts with --load_fast."""
    path = server_ingester.get_server_binary().path
    with tempfile.TemporaryDirectory() as directory:
        port = Path(directory) / "port"
        flags = [
            f"--logdir={logdir}",
            "--reload=1",
            "--samples-per-plugin=activis=all",
            "--port=0",
            f"--port-file={port}",
        ]
        process = subprocess.Popen([path, *flags])
        try:
            while not (port.exists() and port.read_text().endswith("\n")):
                assert process.poll() is None, "RustBoard did not start"
                time.sleep(0.01)
            server = server_ingester.ExistingServerDataIngester(
                f"localhost:{int(port.read_text())}", channel_creds_type=grpc_util.ChannelCredsType.LOCAL
            )
            yield server.data_provider
        finally:
            process.kill()
            process.wait()


def _steps(provider: provider_module.DataProvider, logdir: Path, run: str) -> list[int]:
    flags = argparse.Namespace(logdir_spec="")
    runs = Runs(base_plugin.TBContext(data_provider=provider, logdir=str(logdir), flags=flags))
    request = RequestScope(RequestContext(), "")
    shown = []
    for one in runs.list_runs(request).runs:
        for step in one.steps if one.name == run else ():
            assert step.problem is None, step
            assert runs.snapshot(request, run, step.step).step == step.step
            shown.append(step.step)
    return shown
