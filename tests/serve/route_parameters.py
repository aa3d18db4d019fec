"""Every route about our data, with parameters that are right for `small_data` logged at step 5 of run1."""

import json

import werkzeug.test

from tests.serve.client import Client

AT: dict = {"run": "run1", "step": 5}
ROWS: list[dict] = [{"subset": "all"}, {"expression": "score < 0.6"}]
ROUTE_PARAMETERS: dict[str, dict] = {
    "runs": {},
    "graph": {"run": "run1"},
    "snapshot": AT,
    "strips": AT,
    "matrix": AT | {"layer": "head", "rows": ROWS},
    "projection": AT | {"layer": "head"},
    "columns": AT,
    "column_statistics": AT,
    "facets": AT,
    "activation": AT | {"layer": "head", "neuron": 1},
    "where": AT | {"expression": "correct"},
    "table": AT,
    "groups": AT,
    "export": AT,
    "instance": AT | {"layer": "head", "index": 3},
    "depth": AT | {"index": 3},
    "depth_history": AT,
    "neuron": AT | {"layer": "head", "neuron": 1, "rows": ROWS},
    "positions": AT | {"layer": "stem/relu", "neuron": 1},
    "instance_maps": AT | {"layer": "stem/relu", "neuron": 1, "indices": [3, 0]},
    "movement": AT | {"other": AT},
    "neuron_pairs": AT | {"other": AT, "layer": "head"},
    "history": AT | {"layer": "head", "rows": ROWS},
    "overlap": AT | {"row": ROWS[1], "rows": ROWS},
    "separation": AT,
    "concept": AT | {"layer": "head", "row": ROWS[1]},
    "subset": AT | {"layer": "head", "row": ROWS[1]},
    "effects": AT | {"layer": "stem/relu", "row": ROWS[0]},
    "findings": AT,
    "evidence": AT | {"kind": "dead", "layer": "head"},
    "health": {"run": "run1"},
    "attention": AT | {"layer": "head", "head": 1},
    "content": AT | {"index": 3},
}


def about(parameters: dict, run: str, step: int = 5) -> dict:
    """The parameters of a route for another run, which is compared with itself where two are compared."""
    at = {"run": run, "step": step} if "step" in parameters or "other" in parameters else {"run": run}
    return parameters | at | ({"other": at} if "other" in parameters else {})


def ask(client: Client, route: str, **other: object) -> werkzeug.test.TestResponse:
    return client.get(route, **ROUTE_PARAMETERS[route] | other)


def refused(response: werkzeug.test.TestResponse, status: int, kind: str) -> dict:
    """The error of an answer that must be one."""
    body = json.loads(response.get_data())
    assert (response.status_code, body["error"]["kind"]) == (status, kind), body
    assert response.content_type == "application/json"
    assert set(body) == {"error"}
    assert set(body["error"]) <= {"kind", "message", "position"}
    assert len(body["error"]["message"]) < 1_000
    error: dict = body["error"]
    return error
