"""Parquet files that were made to do harm are refused in words, in little time and memory; no answer is an internal error."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.malicious import FILES

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS, MEGABYTES = 2.0, 512


@pytest.fixture(scope="module")
def tried() -> dict[str, dict[str, Any]]:
    """What came of each, in a process of its own that may have 1 GB."""
    command = [sys.executable, "-m", "tests.hostile.malicious"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", FILES)
def test_a_malicious_file_is_refused_in_words(tried: dict[str, dict[str, Any]], name: str) -> None:
    one = tried[name]
    assert re.search(f"instances-[0-9a-f]+.parquet cannot be read: .*(?:{FILES[name][1]})", one["error"] or ""), one
    assert one["error"].endswith("."), one
    assert one["seconds"] < SECONDS, one
    assert one["megabytes"] < MEGABYTES, one


@pytest.mark.parametrize("name", FILES)
def test_whatever_is_asked_about_its_run_the_file_is_named(tried: dict[str, dict[str, Any]], name: str) -> None:
    one = tried[name]
    assert set(one["statuses"].values()) <= {200, 400, 404, 422}, one
    assert one["statuses"]["table"] == one["statuses"]["export"] == one["statuses"]["columns"] == 422, one
    assert one["statuses"]["snapshot"] == 200, one
    assert one["all_megabytes"] < MEGABYTES, one
