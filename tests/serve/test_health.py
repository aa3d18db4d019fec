"""Training health of a run with more events than the server holds at once."""

from pathlib import Path

import pytest

from tensorboard_activis import blobs
from tensorboard_activis.health_codec import decode_health
from tensorboard_activis.health_part import HealthPart
from tensorboard_activis.serve import event_source
from tests.read.test_health import write_parts
from tests.serve.client import Client


def test_the_server_holds_so_many_events_and_says_where_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parts(tmp_path / "run1", 40)
    read: list[int] = []

    def counted(blob: bytes) -> HealthPart:
        read.append(len(blob))
        return decode_health(blob)

    monkeypatch.setattr(event_source, "decode_health", counted)
    client = Client(tmp_path)
    _, whole = client.numbers("health", run="run1")
    assert (len(read), whole["notes"]) == (40, [])
    read.clear()
    monkeypatch.setattr(blobs, "MOST_HEALTH", 20_000)
    client = Client(tmp_path)
    arrays, answer = client.numbers("health", run="run1")
    # Each event weighs 900 bytes, 200 a layer, and its values.
    assert 5 < len(read) < 20
    (note,) = answer["notes"]
    assert f"the {len(read) - 1} events before it take 20,000 bytes" in note
    assert arrays["steps"].tolist() == list(range(4 * (len(read) - 1)))
