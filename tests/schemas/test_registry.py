"""The registry client against a registry over a socket: what it asks, what it remembers, what it makes of refusals."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ledger_infra.broker.ports import free_ports
from ledger_schemas.connection import Secret
from ledger_schemas.errors import ExtraMissing, LedgerError, RegistryRefused, RegistryUnavailable, SettingInvalid
from ledger_schemas.kinds import Kind
from ledger_schemas.registry import RegistryConnection, SchemaRegistry
from ledger_schemas.shipped import current_schema
from tests.schemas.registry_server import PASSWORD, USER, Registry, registry_server

CREATED = current_schema(Kind.CREATED)
SUBJECT = "notifications.lifecycle.NotificationCreated"
TIMEOUT_SECONDS = 0.3

Ask = Callable[[SchemaRegistry], Awaitable[Any]]


@pytest.fixture
def server() -> Iterator[Registry]:
    """Give a registry over a socket."""
    with registry_server() as running:
        yield running


def ask(url: str, *questions: Ask, **options: Any) -> list[Any]:  # noqa: ANN401 - answers of any kind
    """Ask one client one after the other and return the answers."""

    async def work() -> list[Any]:
        async with SchemaRegistry(RegistryConnection(url, **options)) as registry:
            return [await question(registry) for question in questions]

    return asyncio.run(work())


def register(registry: SchemaRegistry) -> Awaitable[int]:
    """Ask for the id of one schema."""
    return registry.register(CREATED)


def find(schema_id: int) -> Ask:
    """Return the question for the schema of an id."""
    return lambda registry: registry.find(schema_id)


def test_a_schema_is_registered_under_its_full_name_and_asked_for_once(server: Registry) -> None:
    """RecordNameStrategy: the subject is the record's full name; the second time nothing is asked."""
    assert ask(server.url, register, register) == [100, 100]
    assert server.requests == [f"POST /subjects/{SUBJECT}/versions?normalize=False"]
    assert server.schemas[100]["schema"] == CREATED.text


def test_an_id_is_asked_for_once(server: Registry) -> None:
    """The text comes back as it was registered; an id never changes its meaning."""
    known = server.add({"schema": CREATED.text})
    assert [CREATED.text, CREATED.text] == ask(server.url, find(known), find(known))
    assert server.requests == [f"GET /schemas/ids/{known}"]


def test_an_id_that_nobody_has_is_asked_for_again(server: Registry) -> None:
    """Somebody may register it later: that there is none is not remembered."""
    assert ask(server.url, find(7), find(7)) == [None, None]
    assert len(server.requests) == 2


def test_an_id_that_no_registry_gives_is_not_asked_for(server: Registry) -> None:
    """Ids are Java ints; what a forged frame says beyond them is nobody's."""
    assert ask(server.url, find(2**31)) == [None]
    assert server.requests == []


@pytest.mark.parametrize(
    "document",
    [
        {"schema": '{"type": "object"}', "schemaType": "JSON"},
        {"schema": CREATED.text, "references": [{"name": "a.B", "subject": "a.B", "version": 1}]},
    ],
)
def test_what_is_no_whole_avro_schema_is_none(server: Registry, document: dict[str, Any]) -> None:
    """A JSON schema, and a schema that needs others, are no writer schemas of ours."""
    assert ask(server.url, find(server.add(document))) == [None]


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
@pytest.mark.parametrize("question", [register, find(1)])
def test_a_registry_in_trouble_may_be_asked_again(server: Registry, status: int, question: Ask) -> None:
    """Its own errors and its load say nothing about the schema."""
    server.refuse_with = status
    assert raised(RegistryUnavailable, server.url, question).retryable


@pytest.mark.parametrize("question", [register, find(1)])
def test_a_registry_that_is_away_may_be_asked_again(question: Ask) -> None:
    """Nobody listens: the error names the address and the setting."""
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    error = raised(RegistryUnavailable, url, question)
    assert (error.retryable, url in error.message) == (True, True)
    assert "NOTIFICATION_LEDGER_SCHEMA_REGISTRY_URL" in error.hint


@pytest.mark.parametrize("question", [register, find(1)])
def test_a_slow_registry_is_not_waited_for_long(server: Registry, question: Ask) -> None:
    """After the timeout it counts as away."""
    server.delay_seconds = 2.0
    assert raised(RegistryUnavailable, server.url, question, timeout_seconds=TIMEOUT_SECONDS).retryable


@pytest.mark.parametrize("question", [register, find(1)])
def test_an_answer_that_is_none_is_no_answer(server: Registry, question: Ask) -> None:
    """A proxy's page with status 200 is not taken for a schema, nor for an id."""
    server.add({"schema": CREATED.text}, 1)
    server.body = b"<html>Welcome</html>"
    raised(RegistryUnavailable, server.url, question)


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "_USERNAME and _PASSWORD"), (403, "right"), (409, "compatib"), (422, "rules")]
)
def test_a_refusal_says_what_to_do(server: Registry, status: int, hint: str) -> None:
    """Credentials, rights, compatibility and rules are for a person to mend: trying again does not help."""
    server.refuse_with = status
    error = raised(RegistryRefused, server.url, register)
    assert (error.retryable, f"HTTP {status}" in error.message, hint in error.hint) == (False, True, True)


@pytest.mark.parametrize(
    ("status", "hint"), [(403, "right"), (404, "no registry answers at that path"), (422, "rules")]
)
def test_a_refusal_about_one_id_is_none_and_is_logged_once(server: Registry, status: int, hint: str) -> None:
    """Whoever writes a record names an id: that this one is refused says nothing about the others.

    A 404 that is not the registry's own says so too, with what to check: nobody else would tell that the address is
    another server's.
    """
    server.refuse_with = status
    with capture_logs() as logs:
        assert ask(server.url, find(1), find(1)) == [None, None]
    (line,) = logs
    assert (line["event"], line["log_level"], line["registry_id"]) == ("registry.id_refused", "error", 1)
    assert f"HTTP {status}" in line["cause"]
    assert hint in line["cause"]


def test_wrong_credentials_are_no_answer_about_an_id(server: Registry) -> None:
    """Nobody learns from them whether the registry has the schema."""
    server.refuse_with = 401
    assert "_USERNAME and _PASSWORD" in raised(RegistryRefused, server.url, find(1)).hint


def test_credentials_are_sent_and_never_shown(server: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    """Basic authentication with them succeeds; without them, or with others, no message holds a password."""
    server.credentials = (USER, PASSWORD)
    assert ask(server.url, register, username=USER, password=Secret(PASSWORD)) == [100]
    for options in ({}, {"username": USER, "password": Secret("WRONG-SECRET")}):
        error = raised(RegistryRefused, server.url, register, **options)
        assert "WRONG-SECRET" not in f"{error} {error!r} {error.__cause__!r}"
    shown = capsys.readouterr()
    assert PASSWORD not in repr(RegistryConnection(server.url, USER, Secret(PASSWORD))) + shown.out + shown.err


@pytest.mark.parametrize(
    "url",
    [
        "http://ann:hunter2@registry.example.com",
        "https://ann:hunter2@registry.example.com:8081/path",
        "http://hunter2@registry.example.com",
        "http://one.example.com,http://ann:hunter2@two.example.com",
        "http:ann:hunter2@registry.example.com",
        "http://ann:hunter2@[registry.example.com",
        "http://ann:hun/ter2@registry.example.com",
    ],
)
def test_credentials_in_the_url_are_refused_and_not_shown(url: str) -> None:
    """Errors and `repr` show the URL: whoever is named in it is refused before anything can."""
    with pytest.raises(SettingInvalid) as refused:
        RegistryConnection(url)
    assert "ter2" not in f"{refused.value} {refused.value!r} {refused.value.__cause__!r}"
    assert refused.value.field == "schema_registry_url"
    assert "_USERNAME and _PASSWORD" in refused.value.hint


def test_files_and_addresses_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    """A CA file that is none, and a URL that is none, are refused when the client is made."""
    (tmp_path / "ca.pem").write_text("nothing", encoding="ascii")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(SettingInvalid, match="schema_registry_url"):
            SchemaRegistry(RegistryConnection("https://registry.example.com", ca_file=str(tmp_path / name)))
    with pytest.raises(SettingInvalid, match="schema_registry_url"):
        SchemaRegistry(RegistryConnection("ftp://registry.example.com"))


def test_without_the_package_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is only needed by whoever configures a registry."""
    monkeypatch.setitem(sys.modules, "confluent_kafka.schema_registry", None)
    with pytest.raises(ExtraMissing) as missing:
        SchemaRegistry(RegistryConnection("http://127.0.0.1:1"))
    assert "pip install 'notification-ledger[registry]'" in missing.value.hint


def test_what_is_asked_is_json(server: Registry) -> None:
    """The registered text is the published .avsc, byte for byte, inside the API's document."""
    ask(server.url, register)
    assert json.loads(server.schemas[100]["schema"]) == CREATED.document


def raised(kind: type[LedgerError], url: str, question: Ask, **options: Any) -> LedgerError:  # noqa: ANN401 - passed on
    """Return the error of this very class that the question ends with."""
    with pytest.raises(LedgerError) as caught:
        ask(url, question, **options)
    assert kind is type(caught.value), caught.value
    return caught.value
