"""The state of a notebook's tab: fields to a fragment and back, and what is selected in it."""

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest

pytest.importorskip("anywidget", reason="the extra `notebook` is not installed")

from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.notebook.address import FIELDS, START, address_of, fields_of, selection_of

URL = Path(__file__).resolve().parents[2] / "frontend/src/state/url.ts"


def linked(**fields: object) -> str:
    """A fragment as the tab writes it: `encodeURIComponent` of texts and of `JSON.stringify`."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return "&".join(["#activis", *(f"p.activis.{name}={quote(text, safe=_PLAIN)}" for name, text in texts.items())])


_PLAIN = "!'()*-._~"


def test_fields_are_those_of_the_tab() -> None:
    declared = URL.read_text().partition("const FIELDS")[2].partition("\n];")[0]
    assert tuple(re.findall(r'^  (?:\w+(?:<.*?>)?\(|{\n    name: )"(\w+)"', declared, re.M)) == FIELDS


def test_a_dict_becomes_what_the_tab_writes() -> None:
    state = {"run": "a/b & ü=#", "step": 240, "rows": [["s", "correct"], ["i", 3]], "expression": "label == 'x y'"}
    state |= {"panel:layer1.0": {"m": "tsne"}}
    address = address_of(state)
    assert address == (
        "#activis&p.activis.run=a%2Fb%20%26%20%C3%BC%3D%23&p.activis.step=240"
        "&p.activis.rows=%5B%5B%22s%22%2C%22correct%22%5D%2C%5B%22i%22%2C3%5D%5D"
        "&p.activis.expression=label%20%3D%3D%20'x%20y'&p.activis.panel%3Alayer1.0=%7B%22m%22%3A%22tsne%22%7D"
    )
    assert fields_of(address)["run"] == state["run"]
    assert json.loads(fields_of(address)["rows"]) == state["rows"]


@pytest.mark.parametrize(
    ("state", "address"),
    [
        ("", START),
        ("#", START),
        ("#activis", START),
        ("#activis&p.activis.step=5", "#activis&p.activis.step=5"),
        ("activis&p.activis.step=5", "#activis&p.activis.step=5"),
        ("http://localhost:6006/?darkMode=true#activis&p.activis.step=5", "#activis&p.activis.step=5"),
        ({}, START),
    ],
)
def test_links_and_their_parts_are_taken(state: str | dict, address: str) -> None:
    assert address_of(state) == address


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("step=5", "state must be a link copied from the tab"),
        ("http://localhost:6006/#scalars", "got 'http://localhost:6006/#scalars'"),
        (5, "state must be a text or a dict of fields; got int"),
        ({"layer": "fc1"}, "state has no field 'layer'. There are: run, step, "),
        ({5: 1}, "state has no field 5"),
        ({"rows": {1, 2}}, "state['rows'] must be a text, or what JSON can hold"),
        ({"step": float("nan")}, "state['step'] must be a text, or what JSON can hold"),
    ],
)
def test_what_is_no_state_is_refused_in_words(state: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        address_of(state)  # type: ignore[arg-type]
    assert message in str(error.value)


NOTHING: dict[str, object] = {
    "run": None,
    "step": None,
    "rows": [],
    "expression": "",
    "layer": None,
    "neuron": None,
    "instance": None,
    "subset": None,
}


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        ({}, {}),
        ({"run": "run1", "step": 240}, {"run": "run1", "step": 240}),
        ({"expression": "score > 0.5 and 'é' in text"}, {"expression": "score > 0.5 and 'é' in text"}),
        ({"selection": {"kind": "neuron", "layer": "fc1", "neuron": 9}}, {"layer": "fc1", "neuron": 9}),
        (
            {"selection": {"kind": "neuron", "layer": "fc1", "neuron": 9}, "detail": "fc2"},
            {"layer": "fc1", "neuron": 9},
        ),
        ({"selection": {"kind": "instance", "row": 3}, "detail": "fc2"}, {"layer": "fc2", "instance": 3}),
        ({"selection": {"kind": "subset", "key": "s:wrong"}}, {"subset": "wrong"}),
        ({"selection": {"kind": "subset", "key": "e:label == 'a:b'"}}, {"subset": "label == 'a:b'"}),
        ({"selection": {"kind": "subset", "key": "i:7"}}, {"subset": 7}),
        (
            {"rows": [["s", "all"], ["e", "score > 0.5", "unsure", 2], ["i", 4]]},
            {"rows": ["all", "score > 0.5", 4]},
        ),
        # Of a link that somebody cut or wrote: what cannot be read is not chosen, as in the tab.
        ({"rows": [["s"], 5, ["x", "all"], ["i", "4"]]}, {}),
        ({"rows": "{"}, {}),
        ({"selection": "[" * 100_000}, {}),
        ({"step": '"5"', "selection": [1], "rows": {"a": 1}}, {}),
    ],
)
def test_the_selection_is_that_of_the_link(fields: dict, selected: dict) -> None:
    assert selection_of(linked(**fields)) == NOTHING | selected
