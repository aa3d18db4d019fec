"""Every malformed run of the corpus: said as what it is, within two seconds, while the run beside it is answered as ever."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tensorboard_activis import codec
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.query.graph import describe_graph
from tests.hostile.corpus import deep_graph, write_case
from tests.hostile.health_cases import ALL
from tests.hostile.route_parameters import ROUTE_PARAMETERS
from tests.processor_time import at_most
from tests.records import small_data, write_run
from tests.serve.client import Client

UNCHANGING = tuple(one for one in ROUTE_PARAMETERS if one[0] in ("snapshot", "matrix", "table"))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """What a good run answers to each of UNCHANGING when it is alone."""
    logs = tmp_path_factory.mktemp("alone")
    write_run(logs / "good", small_data())
    client = Client(logs)
    return [client.get(route, run="good", step=3, **more).get_data() for route, more in UNCHANGING]


@pytest.mark.parametrize("name", ALL)
def test_a_malformed_run_is_said_and_disturbs_no_other(tmp_path: Path, expected: list[bytes], name: str) -> None:
    case = ALL[name]
    write_case(case, tmp_path / "bad")
    write_run(tmp_path / "good", small_data())
    client = Client(tmp_path)
    said: list[str] = []

    def ask(route: str, **parameters: Any) -> tuple[int, bytes]:
        with at_most(2):
            response = client.get(route, **parameters)
            content = response.get_data()
        assert response.status_code in (200, 400, 404, 422), content[:300]
        if response.content_type == "application/json":
            said.append(content.decode())
        return response.status_code, content

    runs = json.loads(ask("runs")[1])["runs"]
    bad, good = runs
    assert (bad["name"], good["name"]) == ("bad", "good")
    assert good["problems"] == []
    assert [step["problem"] for step in good["steps"]] == [None]
    ask("graph", run="bad")
    said.append(ask("health", run="bad", columns=7)[1].decode("latin-1"))
    for route, more in ROUTE_PARAMETERS:
        ask(route, run="bad", step=case.step, **more)
    assert re.search(case.said, "\n".join(said)), "\n".join(said)[:3000]

    for step in case.whole:
        if step in (1, 2):
            for route, more in UNCHANGING:
                assert ask(route, run="bad", step=step, **more)[0] == 200, (route, step, said[-1])
    for (route, more), answer in zip(UNCHANGING, expected, strict=True):
        assert _without_times(ask(route, run="good", step=3, **more)[1]) == _without_times(answer)


def _without_times(content: bytes) -> bytes:
    return re.sub(rb'"wall_time":[0-9.]+', b"", content)


@pytest.mark.parametrize(
    ("depth", "said"), [(1_000_000, r"[0-9,]+ bytes; at most"), (200_000, "200,000 nodes; at most")]
)
def test_a_graph_that_is_too_deep_is_refused_at_once(depth: int, said: str) -> None:
    blob = deep_graph(depth).SerializeToString()
    with at_most(2), pytest.raises(UnreadableError, match=said):
        codec.decode_graph(blob)


def test_a_graph_as_deep_as_is_allowed_is_answered() -> None:
    described = describe_graph(codec.decode_graph(deep_graph(100_000).SerializeToString()))
    assert len(described.nodes) == 100_000
