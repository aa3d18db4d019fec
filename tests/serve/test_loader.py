"""The loader keeps all steps, and never stops TensorBoard."""

import argparse
import sys

import pytest

from tensorboard_activis.serve.loader import ActiVisLoader


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, {"activis": 0}), ({"images": 5}, {"images": 5, "activis": 0}), ({"activis": 7}, {"activis": 7})],
)
def test_all_steps_are_kept_unless_the_user_says_otherwise(given: dict | None, expected: dict) -> None:
    flags = argparse.Namespace(samples_per_plugin=given)
    ActiVisLoader().fix_flags(flags)
    assert flags.samples_per_plugin == expected


def test_a_broken_installation_turns_the_tab_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard_activis.serve.plugin", None)
    assert ActiVisLoader().load(None) is None
    assert "Install tensorboard-activis again" in caplog.text
