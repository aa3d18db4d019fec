"""Pages of other sites: what their scripts, forms and pictures can send is refused; the tab and links that are followed work."""

import json

import pytest
import werkzeug.test

from tests.records import small_data, write_run
from tests.serve.client import Client
from tests.serve.route_parameters import AT, ROUTE_PARAMETERS, ask, refused

BASE = "/data/plugin/activis/"
#: What a form or a script of another site can send without asking the server first (the simple requests of CORS).
SIMPLE_TYPES = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "text/json")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    path = tmp_path_factory.mktemp("logs")
    write_run(path / "run1", small_data(), (3, 5))
    return Client(path)


def fetched(site: str, mode: str = "no-cors", dest: str = "empty") -> dict[str, str]:
    return {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}


@pytest.mark.parametrize("content_type", SIMPLE_TYPES)
@pytest.mark.parametrize("route", ROUTE_PARAMETERS)
def test_a_post_must_be_json(client: Client, route: str, content_type: str) -> None:
    body = json.dumps(ROUTE_PARAMETERS[route])
    response = client.open(BASE + route, method="POST", data=body, content_type=content_type)
    message = refused(response, 400, "bad_request")["message"]
    assert message.startswith("A POST needs the header Content-Type: application/json; got ")


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_the_type_may_be_written_as_http_allows(client: Client, content_type: str) -> None:
    response = client.open(BASE + "snapshot", method="POST", data=json.dumps(AT), content_type=content_type)
    assert response.status_code == 200


@pytest.mark.parametrize("route", ROUTE_PARAMETERS)
def test_other_sites_get_no_data(client: Client, route: str) -> None:
    for mode, dest in (("no-cors", "image"), ("no-cors", "script"), ("cors", "empty"), ("navigate", "iframe")):
        refused(
            client.get(route, headers=fetched("cross-site", mode, dest), **ROUTE_PARAMETERS[route]), 403, "forbidden"
        )
    posted = werkzeug.test.EnvironBuilder(method="POST", json=ROUTE_PARAMETERS[route])
    for headers in (fetched("cross-site"), fetched("cross-site", "navigate", "document")):
        response = client.open(
            BASE + route, method="POST", data=posted.input_stream, content_type="application/json", headers=headers
        )
        refused(response, 403, "forbidden")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        fetched("same-origin", "cors"),
        fetched("same-site"),
        fetched("none", "navigate", "document"),
        fetched("cross-site", "navigate", "document"),  # a link that is followed
    ],
)
def test_the_tab_and_links_that_are_followed_get_data(client: Client, headers: dict[str, str]) -> None:
    for route in ROUTE_PARAMETERS:
        assert client.get(route, headers=headers, **ROUTE_PARAMETERS[route]).status_code == 200
    assert ask(client, "export").get_data()
