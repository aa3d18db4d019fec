"""The answers that the front end's tests read are those that the plugin gives."""

import argparse
from pathlib import Path

from tensorboard.plugins import base_plugin

from tensorboard_activis.serve.plugin import ActiVisPlugin
from tests import answers
from tests.serve.client import Client


def test_recorded_answers_are_those_of_the_plugin(tmp_path: Path) -> None:
    answers.write_runs(tmp_path)
    client = Client(tmp_path)
    changed = answers.record(tmp_path, lambda route, parameters: client.get(route, None, **parameters).get_data())
    assert not changed, (
        f"The plugin now answers differently than recorded in frontend/fixtures: {', '.join(changed)}. They have been rewritten: "
        "look at the difference (git diff frontend/fixtures), run the front end's tests, and commit both together."
    )


def test_every_route_has_a_recorded_answer(tmp_path: Path) -> None:
    """A new route is recorded too, or the front end's tests read made-up answers of it."""
    context = base_plugin.TBContext(data_provider=None, logdir=str(tmp_path), flags=argparse.Namespace(logdir_spec=""))
    routes = set(ActiVisPlugin(context).get_plugin_apps()) - {"/index.js", "/*"}
    assert {f"/{route}" for route, _ in answers.questions().values()} == routes


def test_the_recorded_run_has_a_wrong_instance_with_a_contrast(tmp_path: Path) -> None:
    answers.write_runs(tmp_path)
    client = Client(tmp_path)
    route, parameters = answers.questions()["instance.json"]
    assert client.json(route, **parameters)["contrast"] is not None
