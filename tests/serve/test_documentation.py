"""docs/http_api.md names every route, and no other."""

import re
from pathlib import Path

from tensorboard.plugins import base_plugin

import tests.serve.client  # noqa: F401

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "http_api.md"


def test_every_route_is_documented() -> None:
    from tensorboard_activis.serve.plugin import ActiVisPlugin  # after `client`, which silences TensorBoard's warnings

    documented = set(re.findall(r"^## `(\w+)`", DOCUMENT.read_text(), re.MULTILINE))
    context = base_plugin.TBContext(data_provider=None, logdir="")
    routes = {route.removeprefix("/") for route in ActiVisPlugin(context).get_plugin_apps()} - {"index.js", "*"}
    assert documented == routes
