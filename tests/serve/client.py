"""TensorBoard's own application around the plugin, with a real data provider, without a socket."""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import safetensors.numpy
import werkzeug.test
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin

with warnings.catch_warnings():  # TensorBoard bundles an html5lib that finds itself deprecated
    warnings.simplefilter("ignore")
    from tensorboard.backend import application

    from tensorboard_activis.serve.plugin import ActiVisPlugin


class Client:
    """Asks the plugin's routes through TensorBoard's application."""

    def __init__(self, logdir: Path, prefix: str = "", spec: dict[str, Path] | None = None) -> None:
        self._paths = spec or {"": logdir}
        self._multiplexer = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance={"activis": 0})
        text = ",".join(f"{name}:{path}" for name, path in (spec or {}).items())
        self.reload()
        provider = data_provider.MultiplexerDataProvider(self._multiplexer, str(logdir))
        context = base_plugin.TBContext(
            data_provider=provider,
            multiplexer=self._multiplexer,
            logdir="" if spec else str(logdir),
            flags=argparse.Namespace(logdir_spec=text),
        )
        self._plugin = ActiVisPlugin(context)
        app = application.TensorBoardWSGI([self._plugin], path_prefix=prefix, data_provider=provider)
        self._client = werkzeug.test.Client(app)
        self._base = f"{prefix}/data/plugin/activis/"

    def reload(self) -> None:
        for name, path in self._paths.items():
            self._multiplexer.AddRunsFromDirectory(str(path), name or None)
        self._multiplexer.Reload()

    def routes(self) -> set[str]:
        """The names of all routes about data."""
        return {route.removeprefix("/") for route in self._plugin.get_plugin_apps()} - {"index.js", "*"}

    def get(self, route: str, headers: dict[str, str] | None = None, **parameters) -> werkzeug.test.TestResponse:
        query = {
            name: json.dumps(value) if isinstance(value, (list, dict, bool)) else str(value)
            for name, value in parameters.items()
        }
        return self._client.get(self._base + route, query_string=query, headers=headers)

    def post(self, route: str, **parameters) -> werkzeug.test.TestResponse:
        return self._client.post(self._base + route, json=parameters)

    def action(self, action: str, **parameters) -> tuple[dict[str, np.ndarray], dict]:
        """Starts or cancels a t-SNE; what is answered then."""
        response = self.post("projection", method="tsne", action=action, **parameters)
        assert response.status_code == 200, response.get_data(as_text=True)
        return decoded(response)

    def open(self, path: str, **keywords) -> werkzeug.test.TestResponse:
        return self._client.open(path, **keywords)

    def json(self, route: str, **parameters):
        response = self.get(route, **parameters)
        assert response.status_code == 200, response.get_data(as_text=True)
        assert response.content_type == "application/json"
        return json.loads(response.get_data())

    def numbers(self, route: str, **parameters) -> tuple[dict[str, np.ndarray], dict]:
        response = self.get(route, **parameters)
        assert response.status_code == 200, response.get_data(as_text=True)
        return decoded(response)

    def error(self, route: str, **parameters) -> tuple[int, dict]:
        response = self.get(route, **parameters)
        body = json.loads(response.get_data())
        assert set(body) == {"error"}
        assert set(body["error"]) <= {"kind", "message", "position"}
        return response.status_code, body["error"]


def decoded(response: werkzeug.test.TestResponse) -> tuple[dict[str, np.ndarray], dict]:
    content = response.get_data()
    assert response.content_type == "application/octet-stream"
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    return safetensors.numpy.load(content), json.loads(header["__metadata__"]["json"])
