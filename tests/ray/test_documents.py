"""What the documents call `tensorboard_activis.ray.log` with is what it takes."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from tensorboard_activis.ray import log

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("page", ["README.md", "docs/ray.md"])
def test_calls_in_documents_fit_the_function(page: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.S)
    calls = [
        node
        for block in blocks
        if "tensorboard_activis.ray" in block
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "log"
    ]
    assert calls
    for call in calls:
        given = {keyword.arg or "": keyword.value for keyword in call.keywords}
        inspect.signature(log).bind(*call.args, **given)


def test_the_page_names_every_keyword_of_its_own() -> None:
    page = (ROOT / "docs" / "ray.md").read_text()
    own = ["batch_size", "actors", "num_gpus", "num_cpus", "inputs", "label", "id", "columns", "texts", "unpack"]
    assert [name for name in own if not re.search(rf"\b{name}\b", page)] == []
    assert set(own) <= set(inspect.signature(log).parameters)


def test_limits_that_the_page_states() -> None:
    from tensorboard_activis.capture.ray.actors import RETRIES
    from tensorboard_activis.capture.ray.parts import FIRST_PART_ROWS, PART_BYTES, PART_ROWS

    page = " ".join((ROOT / "docs" / "ray.md").read_text().split())
    assert f"parts of {PART_ROWS:,} rows or {PART_BYTES >> 20} MiB" in page
    assert f"The first parts have {FIRST_PART_ROWS} rows, and those of each further round twice as many" in page
    assert RETRIES == 3
    assert "lost four times" in page
