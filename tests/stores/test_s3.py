"""S3, as moto's server speaks it: a run is logged there, read, checked, reported and served, by TensorBoard as well."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis import cli, open_run
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.ports import free_port
from tensorboard_activis.private_cache import VARIABLE
from tests.export.exported import Exported
from tests.faults.victim import activations, log_with_recorder, log_with_torch
from tests.stores.conftest import forget

ROOT = Path(__file__).resolve().parent.parent.parent
#: TensorBoard without TensorFlow, which reads no s3://, and with or without boto3.
TENSORBOARD = """
import sys
from types import ModuleType
sys.modules["tensorboard.compat.notf"] = ModuleType("tensorboard.compat.notf")
{without}
from tensorboard.main import run_main
run_main()
"""


@pytest.fixture(autouse=True)
def _own_cache(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    forget()
    yield
    forget()


@contextmanager
def started(command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    server = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    try:
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=60)


def until(port: int, enough: Callable[[Any], bool]) -> Any:
    """The answer of the route `runs`, once it is enough; what came last after two minutes."""
    answer: Any = None
    for _ in range(1_200):
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/data/plugin/activis/runs", timeout=60) as found:
                answer = json.load(found)
            if enough(answer):
                break
        except OSError:
            pass
        time.sleep(0.1)
    return answer


def steps(answer: Any) -> list[int]:
    return [step["step"] for run in answer["runs"] for step in run["steps"]]


def by_id(snapshot: Any, layer: str) -> np.ndarray:
    found: np.ndarray = snapshot.activations(layer)[np.argsort(np.asarray(snapshot.instances["id"]))]
    return found


def test_a_run_is_logged_read_checked_and_reported(capsys: pytest.CaptureFixture[str]) -> None:
    address = "s3://bucket/pytorch/run1"
    log = log_with_torch(address, 1)
    for step in (1, 2):
        log(step)
    run = open_run(address)
    assert run.steps == [1, 2]
    for step in (1, 2):
        np.testing.assert_allclose(by_id(run.snapshot(step), "relu"), activations(1, step)[0], rtol=2e-3, atol=2e-3)
    assert cli.main(["check", "s3://bucket/pytorch"]) == 0
    assert "2 whole snapshots" in capsys.readouterr().out
    assert cli.main(["report", address]) == 0
    assert "run1, step 2" in capsys.readouterr().out


@pytest.mark.parametrize("without", ["", 'sys.modules["boto3"] = None'], ids=["boto3", "s3fs alone"])
def test_tensorboard_shows_a_run_that_grows(without: str) -> None:
    """Without boto3 TensorBoard reads through s3fs, which must be told not to keep listings: docs/do/object_stores.md says so."""
    name = "without" if without else "with"
    log = log_with_recorder(f"s3://bucket/{name}/run1", 1)
    log(1)
    port = free_port(None, "localhost")
    command = [sys.executable, "-c", TENSORBOARD.format(without=without), "--logdir", f"s3://bucket/{name}"]
    command += ["--port", str(port), "--reload_interval", "1"]
    with started(command, **({"FSSPEC_S3": '{"use_listings_cache": false}'} if without else {})):
        answer = until(port, lambda found: steps(found) == [1])
        assert [run["name"] for run in answer["runs"]] == ["run1"]
        assert [run["problems"] for run in answer["runs"]] == [[]]
        log(2)
        assert steps(until(port, lambda found: steps(found) == [1, 2])) == [1, 2]
    log.close()  # type: ignore[attr-defined]


def test_our_own_server_shows_a_run_that_grows() -> None:
    log = log_with_recorder("s3://bucket/served/run1", 1)
    log(1)
    port = free_port(None, "localhost")
    command = [sys.executable, "-m", "tensorboard_activis.cli", "serve", "s3://bucket/served", "--port", str(port)]
    with started(command):
        assert steps(until(port, lambda found: steps(found) == [1])) == [1]
        log(2)
        assert steps(until(port, lambda found: steps(found) == [1, 2])) == [1, 2]
    log.close()  # type: ignore[attr-defined]


def export(logdir: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """An export in a process of its own: where TensorBoard has TensorFlow already, it does not read this store."""
    command = [sys.executable, "-m", "tensorboard_activis.cli", "export", logdir, str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_run_is_exported(tmp_path: Path) -> None:
    """With the bytes of an export of the same run on a disk; a wrong bucket and a file that goes say what is wrong."""
    for log_dir in ("s3://bucket/exported/run1", tmp_path / "run1"):
        log = log_with_recorder(log_dir, 1)
        log(1)
        log.close()  # type: ignore[attr-defined]
    folders = [tmp_path / "from-store", tmp_path / "from-disk"]
    for logdir, folder in zip(("s3://bucket/exported/run1", str(tmp_path / "run1")), folders, strict=True):
        assert export(logdir, folder).returncode == 0
    store, disk = (Exported(folder) for folder in folders)
    assert store.manifest["name"] == disk.manifest["name"] == "run1"
    assert store.pack("layer/1/0") == disk.pack("layer/1/0")
    assert b"s3://" not in store.everything()
    refused = export("s3://nobody-has-this/run1", tmp_path / "none")
    assert refused.returncode == 1
    assert "s3://nobody-has-this/run1" in refused.stderr
    import boto3

    client = boto3.client("s3")
    objects = client.list_objects(Bucket="bucket", Prefix="exported/")["Contents"]
    (arrays,) = [one["Key"] for one in objects if one["Key"].endswith(".safetensors")]
    client.delete_object(Bucket="bucket", Key=arrays)
    forget()
    for path in (tmp_path / "cache").rglob("*.object"):
        path.unlink()
    found = export("s3://bucket/exported/run1", tmp_path / "gone")
    assert found.returncode in (0, 1)
    assert "missing" in found.stderr or b"missing" in Exported(tmp_path / "gone").everything()


def test_tensorboard_with_tensorflow_says_what_it_lacks() -> None:
    """The message that docs/do/object_stores.md quotes is TensorBoard's own."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    script = (
        "from tensorboard.backend.event_processing import data_ingester as d; d._check_filesystem_support(['s3://b/r'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Unsupported filename scheme 's3'" in done.stderr


def test_a_bucket_that_is_not_there() -> None:
    with pytest.raises(ConfigurationError, match=r"log_dir s3://nobody-has-this/run1 cannot be written to: .*bucket"):
        log_with_recorder("s3://nobody-has-this/run1", 1)


def test_no_credentials(tmp_path: Path) -> None:
    """In a process that finds none, nowhere."""
    script = "from tests.faults.victim import log_with_recorder\nlog_with_recorder('s3://bucket/run1', 1)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
    assert "ConfigurationError: log_dir s3://bucket/run1 cannot be written to: no credentials were found" in done.stderr


def test_no_key_is_in_a_message_a_name_or_a_file(tmp_path: Path) -> None:
    keys = [os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]]
    log = log_with_recorder("s3://bucket/keys/run1", 1)
    log(1)
    log.close()  # type: ignore[attr-defined]
    snapshot = open_run("s3://bucket/keys/run1").latest
    snapshot.activations("stem")
    assert snapshot.instances.num_rows
    import boto3

    client = boto3.client("s3")
    objects = client.list_objects(Bucket="bucket", Prefix="keys/")["Contents"]
    contents = [client.get_object(Bucket="bucket", Key=one["Key"])["Body"].read() for one in objects]
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(files) == 3  # events, arrays, table
    for key in keys:
        assert not any(key in one["Key"] for one in objects)
        assert not any(key.encode() in content for content in [*contents, *(path.read_bytes() for path in files)])
        assert not any(key in str(path.relative_to(tmp_path)) for path in files)
