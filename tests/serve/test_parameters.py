"""Parameters that are JSON of any shape, and addresses of any bytes: answered or refused, never an error of ours."""

import json
import sys
import threading
import time
from pathlib import Path

import pytest

from tensorboard_activis.blobs import Blob, event_files, scan
from tensorboard_activis.errors import QueryError
from tensorboard_activis.serve import json_values
from tensorboard_activis.serve.json_values import MAX_COMMAS, MAX_LEVELS, MAX_STRUCTURES, parse_json
from tests.hostile.served import Served
from tests.processor_time import at_most
from tests.records import small_data, write_run
from tests.serve.client import Client
from tests.serve.route_parameters import ROUTE_PARAMETERS, about, refused

BASE = "/data/plugin/activis/"
LONE = ("\ud800", "run\udfff", "\udc80x")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    path: Path = tmp_path_factory.mktemp("logs")
    write_run(path / "run1", small_data(), (3, 5))
    return Client(path)


@pytest.mark.parametrize("text", LONE)
@pytest.mark.parametrize("route", ROUTE_PARAMETERS)
def test_half_of_a_surrogate_pair_is_refused_everywhere(client: Client, route: str, text: str) -> None:
    names = {
        *ROUTE_PARAMETERS[route],
        "run",
        "prefix",
        "expression",
        "order",
        "by",
        "column",
        "layer",
        "rows",
        "row",
        "index",
        "indices",
        "like",
        "anything",
    }
    for name in sorted(names):
        for value in (text, [{"expression": text}], {text: 1}, {"run": text, "step": 5}):
            message = refused(client.post(route, **ROUTE_PARAMETERS[route] | {name: value}), 400, "bad_request")[
                "message"
            ]
            assert message == "The body holds half of a surrogate pair, which is not text."


def test_whole_pairs_are_texts(client: Client) -> None:
    body = json.dumps(ROUTE_PARAMETERS["where"] | {"expression": 'label == "😀"'})
    assert "\\ud83d" in body
    assert client.open(BASE + "where", method="POST", data=body, content_type="application/json").status_code == 200


@pytest.mark.parametrize("levels", [MAX_LEVELS + 1, 100, 970, 1_000, 5_000, 100_000])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}"), ('[{"rows":', "}]")])
def test_nesting_is_bounded(client: Client, levels: int, opened: str, closed: str) -> None:
    text = opened * levels + "1" + closed * levels
    for route, name in (
        ("matrix", "rows"),
        ("table", "indices"),
        ("projection", "like"),
        ("subset", "row"),
        ("runs", "x"),
    ):
        body = json.dumps(ROUTE_PARAMETERS[route])[:-1] + ("" if route == "runs" else ",") + f'"{name}":{text}}}'
        posted = client.open(BASE + route, method="POST", data=body, content_type="application/json")
        assert posted.status_code in (400, 413)
        assert set(json.loads(posted.get_data())["error"]) <= {"kind", "message", "position"}
        if route != "runs":
            refused(
                client.open(BASE + route, query_string=json_query(ROUTE_PARAMETERS[route]) | {name: text}),
                400,
                "bad_request",
            )


def json_query(parameters: dict) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}


@pytest.mark.parametrize("query", [b"run=\xff", b"\xff=1", b"run=run1&step=5&x=\xed\xa0\x80", b"\xc3"])
@pytest.mark.parametrize("route", ROUTE_PARAMETERS)
def test_addresses_that_are_no_utf8_are_refused(client: Client, route: str, query: bytes) -> None:
    response = client.open(BASE + route, environ_overrides={"QUERY_STRING": query.decode("latin1")})
    assert refused(response, 400, "bad_request")["message"] == "The address must be UTF-8."


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", '{"a": -Infinity}', "1" * 100_000, "[" * 60_000, "", "\ufeff1", "{'a': 1}", "[1,]"]
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="it must be JSON") as caught:
        parse_json(text, "it")
    assert len(str(caught.value)) < 300


def test_the_number_of_values_is_bounded_before_they_are_read() -> None:
    assert parse_json("[" + "1," * MAX_COMMAS + "1]", "it") == [1] * (MAX_COMMAS + 1)
    with pytest.raises(QueryError, match=r"it must be JSON with at most 150,000 values"):
        parse_json("[" + "1," * MAX_COMMAS + "1, 1]", "it")


def test_whole_numbers_have_as_many_digits_as_64_bits_can_have() -> None:
    assert parse_json(f"[{-(2**63)}, {2**64 - 1}]", "it") == [-(2**63), 2**64 - 1]
    with pytest.raises(QueryError, match="it must be JSON: a whole number may have 20 digits, got 4,000"):
        parse_json("1" * 4_000, "it")


def test_other_threads_run_while_numbers_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers that take longest, as many as are allowed, took 54 ms in which nothing else was answered."""
    turns, most, over = 0, 0, threading.Event()
    decode = json_values._DECODER.decode

    def take_turns() -> None:
        nonlocal turns
        while not over.is_set():
            turns += 1
            time.sleep(0.0005)

    def counting(text: str) -> object:
        nonlocal most
        before = turns
        value = decode(text)
        most = max(most, turns - before)
        return value

    monkeypatch.setattr(json_values._DECODER, "decode", counting)
    thread = threading.Thread(target=take_turns)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        for _ in range(20):  # there may be no core for the other thread
            parse_json(f"[{'5e-324,' * 140_000}1]", "it")
            if most > 10:
                break
    finally:
        sys.setswitchinterval(interval)
        over.set()
        thread.join()
    assert most > 10


def test_reading_json_is_linear() -> None:
    for text in (
        "[" + "[]," * 320_000 + "1]",
        "[" + "1," * 490_000 + "1]",
        '["' + "\\ud83d\\ude00" * 80_000 + '"]',
        '{"a":' * MAX_STRUCTURES,
    ):
        with at_most(2):
            try:
                parse_json(text, "it")
            except QueryError:
                assert "[" * 2 in text or '{"a"' in text or "1,1" in text


@pytest.mark.parametrize("name", ["not\udcffutf8", "\ud800"])
def test_a_run_whose_name_is_no_utf8_is_listed_with_what_to_do(tmp_path: Path, name: str) -> None:
    """TensorBoard names a directory so; an address cannot name it, and the other runs are answered as ever."""
    write_run(tmp_path / "good", small_data(), (3,))
    (events,) = event_files(tmp_path / "good" / "activis")
    blobs = [found for found in scan(events) if isinstance(found, Blob)]
    served = Served(tmp_path, {"good/activis": blobs, f"{name}/activis": blobs})
    try:
        runs = json.loads(served.ask("runs")[1])["runs"]
        good, bad = sorted(runs, key=lambda run: run["name"] != "good")
        assert (bad["name"], bad["steps"]) == (name, [])
        assert "is not UTF-8, so that it cannot be asked about. Rename the directory" in bad["problems"][-1]
        assert (good["problems"], [step["step"] for step in good["steps"]]) == ([], [3])
        for route in set(ROUTE_PARAMETERS) - {"runs"}:
            assert served.post(route, **ROUTE_PARAMETERS[route] | {"run": name, "step": 3})[0] == 400
            assert served.post(route, **about(ROUTE_PARAMETERS[route], "good", 3))[0] == 200
        assert served.internal == []
    finally:
        served.close()
