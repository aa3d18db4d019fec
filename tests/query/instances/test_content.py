"""The picture, sound, text or numbers of an instance."""

import pytest

from tensorboard_activis.errors import NotFoundError
from tensorboard_activis.query.instances.content import content
from tensorboard_activis.read.snapshot import SnapshotReader


def test_content(snapshot: SnapshotReader) -> None:
    kind, value = content(snapshot, 0)
    assert kind == "image"
    assert isinstance(value, bytes)
    assert value.startswith(b"\x89PNG")
    with pytest.raises(NotFoundError):
        content(snapshot, 17)
