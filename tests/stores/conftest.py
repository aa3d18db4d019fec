"""What the tests of stores share: a slow store, a cache on disk of its own, and moto's S3 server."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'tensorboard-activis[s3]'")

from tensorboard_activis.private_cache import VARIABLE
from tensorboard_activis.read import array_file
from tensorboard_activis.stores.locations import location
from tensorboard_activis.stores.object_cache import object_cache
from tensorboard_activis.stores.path import StorePath
from tests.stores.slow_store import SlowStore


def forget() -> None:
    """Makes this process as one that has read nothing."""
    object_cache.cache_clear()
    array_file._headers.clear()
    array_file._open.clear()
    place = location("slow://bucket/x")
    assert isinstance(place, StorePath)
    place.store._listings.clear()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[SlowStore]]:
    """An empty `slow://` store."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    SlowStore.reset()
    forget()
    yield SlowStore
    SlowStore.reset()
    forget()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """moto's S3 server, with a bucket named `bucket`; the environment has made-up keys for it."""
    missing = [name for name in ("moto", "flask", "flask_cors", "s3fs", "boto3") if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: pip install 'tensorboard-activis[test]'")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    keys = {
        "AWS_ENDPOINT_URL": address,
        "S3_ENDPOINT": address,  # what TensorBoard reads
        "AWS_ACCESS_KEY_ID": "made-up-key-id",
        "AWS_SECRET_ACCESS_KEY": "made-up-secret-key",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = dict(os.environ)
    os.environ.update(keys)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        import boto3

        boto3.client("s3").create_bucket(Bucket="bucket")
        yield address
    finally:
        server.terminate()
        server.wait()
        os.environ.clear()
        os.environ.update(before)
