"""TensorBoard's fast loader names blobs in JSON that it cannot take apart where anything in it is escaped."""

import json
from pathlib import Path
from typing import Any

import pytest
from tensorboard import errors

from tensorboard_activis.blobs import Blob
from tensorboard_activis.metadata import SNAPSHOT_TAG
from tests.hostile.served import Provider, Served


def test_a_name_that_the_fast_loader_cannot_quote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> bytes:
        raise errors.InvalidArgumentError('failed to parse blob key: BadJson("expected a borrowed string")')

    monkeypatch.setattr(Provider, "read_blob", refuse)
    served = Served(tmp_path, {'with "quotes"/activis': [Blob(SNAPSHOT_TAG, 3, 1.0, b"")]})
    try:
        (run,) = json.loads(served.ask("runs")[1])["runs"]
        status, body = served.ask("snapshot", run='with "quotes"', step=3)
    finally:
        served.close()
    message = json.loads(body)["error"]["message"]
    assert status == 422
    assert run["steps"][0]["problem"] == message
    assert "contains a quotation mark, a backslash or a control character" in message
    assert message.endswith("Rename the run's directory, or start TensorBoard with --load_fast=false.")
