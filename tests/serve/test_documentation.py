"""docs/http_api.md names every route, and no other."""

import re
from pathlib import Path

from tensorboard_activis.serve.plugin import ActiVisPlugin
from tests.serve.client import Client

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "http_api.md"


def test_every_route_is_documented(tmp_path: Path) -> None:
    Client(tmp_path)  # imports TensorBoard's application with its warnings silenced
    documented = set(re.findall(r"^## `(\w+)`", DOCUMENT.read_text(), re.MULTILINE))
    plugin = ActiVisPlugin.__new__(ActiVisPlugin)
    routes = {route.removeprefix("/") for route in plugin.get_plugin_apps()} - {"index.js", "*"}
    assert documented == routes
