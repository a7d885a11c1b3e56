"""The command finds what it is there for, in an application with one fault of each sort; and finds none elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Annotated, Any, Final

import pytest
from fastapi import FastAPI, Header, Response
from fastapi.responses import PlainTextResponse

from ledger_queries.api import create_app
from ledger_queries.desk import Desk
from ledger_queries.health import Readiness
from ledger_schemas.access import Caller, Role
from ledger_schemas.positions import Position
from tests.acceptance.serving import SCHEMES
from tests.directories import StatedDirectory
from tests.http_fuzz.apis import NAMES, Allowance, Api, Name, api_of
from tests.http_fuzz.fuzzing import Extent, Report, fuzz, operations_of
from tests.loopback import Servers

FEW: Final = Extent(seconds=60, examples=20, seed=1)


@pytest.fixture(scope="module")
def faulty() -> Report:
    """Give what is found in an application with faults."""
    return _fuzzed(Api("faulty", "", {}))


def test_a_server_error_and_an_undocumented_status_are_found(faulty: Report) -> None:
    """Each names its operation, and the output has the request; the operation without a fault is not named."""
    assert faulty.operations == 4
    assert faulty.requests > 20
    assert {"ST101 Server error: GET /half/{number}", "ST103 Undocumented status code: GET /teapot"} <= {
        *faulty.failures
    }
    assert not [line for line in faulty.failures if "/fine" in line]
    assert "/half/0" in faulty.output


def test_an_operation_that_accepts_nothing_is_found(faulty: Report) -> None:
    """Whoever asks with a credential that does not hold sees nothing of an API, and finds nothing."""
    assert faulty.accepted["GET /fine"] > 0
    assert [line for line in faulty.failures if "with success" in line] == [
        "No valid request was answered with success: GET /closed"
    ]


def test_an_allowance_holds_for_its_check_and_its_operation_alone() -> None:
    """The status of the other operation is still found, and so is what another check says of the same operation."""
    allowance = Allowance("GET /half/{number}", "not_a_server_error", ("2xx", "4xx", "5xx"), "It is wanted here.")
    report = _fuzzed(Api("faulty", "", {}, allowances=(allowance,)))
    assert "ST101 Server error: GET /half/{number}" not in report.failures
    assert "ST103 Undocumented status code: GET /half/{number}" in report.failures
    assert "ST103 Undocumented status code: GET /teapot" in report.failures


def test_a_document_that_is_not_there_is_a_finding() -> None:
    """An API without a document is not passed over."""
    with Servers() as servers:
        url = str(servers.serve(FastAPI(openapi_url=None)).base_url)
        report = fuzz(url, Api("none", "", {}), FEW)
    assert report.failures == ["The document could not be loaded."]


@pytest.mark.parametrize("name", NAMES)
def test_allowances_name_operations_that_there_are(name: Name) -> None:
    """And each says why; a status is allowed beside those that the check takes of itself."""

    def nobody_reads() -> Any:  # noqa: ANN401 - it never returns
        raise NotImplementedError

    directory = StatedDirectory({"key": Caller(Role.OPERATOR)})
    ready = Readiness(ready=True, position=Position())
    app = create_app(Desk(nobody_reads, directory=directory), readiness=lambda: ready)
    api = api_of(name)
    header, scheme = SCHEMES.get(name, ("Authorization", "Bearer "))
    with Servers() as servers:
        client = servers.serve(app)
        operations = operations_of(client.get(f"{api.mount}/openapi.json", headers={header: f"{scheme}key"}).json())
    assert {each.operation for each in api.allowances} <= {*operations}
    assert all(each.reason.endswith(".") for each in api.allowances)


def test_the_command_asks_a_served_dialect() -> None:
    """Its samples are found by their ids, requests are counted, and nothing is found: exit code 0."""
    command = [
        sys.executable,
        "-m",
        "tests.http_fuzz",
        "--dialect",
        "novu",
        "--examples",
        "20",
        "--seed",
        "1",
        "--json",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    (report,) = json.loads(ran.stdout)
    assert (ran.returncode, report["failures"]) == (0, []), report["output"]
    assert report["accepted"]["GET /v1/notifications/{notificationId}"] > 0
    assert report["requests"] > 20


def _fuzzed(api: Api) -> Report:
    app = FastAPI()

    @app.get("/half/{number}")
    def half(number: int, x_scale: Annotated[int, Header()] = 1) -> float:
        if number == 0:
            raise ZeroDivisionError
        return x_scale / number

    @app.get("/teapot")
    def teapot(*, tea: bool = False) -> Response:
        return PlainTextResponse("short and stout", 418 if tea else 200)

    @app.get("/closed", responses={401: {"description": "Not with this key."}})
    def closed() -> Response:
        return PlainTextResponse("no", 401)

    @app.get("/fine")
    def fine() -> dict[str, str]:
        return {"status": "fine"}

    with Servers() as servers:
        return fuzz(str(servers.serve(app).base_url), api, FEW)
