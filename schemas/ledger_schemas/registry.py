"""A Confluent schema registry: gives schemas their ids, and tells which schema an id stands for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

import structlog

from ledger_schemas.connection import Secret
from ledger_schemas.errors import ExtraMissing, LedgerError, RegistryRefused, RegistryUnavailable, SettingInvalid
from ledger_schemas.shipped import WriterSchema

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

REGISTRY_TIMEOUT_SECONDS: Final = 10.0
"""How long connecting, and then each wait for bytes of an answer, may take."""

REGISTRY_ID_SERVED_MAX: Final = 2**31 - 1
"""Ids are Java ints: no registry gives a larger one, and what one answers to it is of no meaning."""

SCHEMA_NOT_FOUND: Final = 40_403
"""The error code of "Schema not found"; any other 404 comes from an address that is no registry's."""

Answer = TypeVar("Answer")

_MAY_PASS: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

_log = structlog.get_logger("ledger_schemas.registry")


@dataclass(frozen=True, slots=True)
class RegistryConnection:
    """Where the registry answers, and as whom it is asked. `ca_file`: PEM of the authorities that sign it.

    Raises SettingInvalid when the URL holds an `@`, as one with credentials in it does: it is shown in errors.
    """

    url: str
    username: str | None = None
    password: Secret | None = None
    ca_file: str | None = None
    timeout_seconds: float = REGISTRY_TIMEOUT_SECONDS

    def __post_init__(self) -> None:
        """Check that nobody is named in the URL."""
        # Not parsed: what one parser takes for a path another may take for a user.
        if "@" in self.url:
            raise SettingInvalid(
                "schema_registry_url: the URL must have no user and no password in it (no `@`).",
                hint="Set NOTIFICATION_LEDGER_SCHEMA_REGISTRY_USERNAME and _PASSWORD instead.",
                field="schema_registry_url",
            )


class SchemaRegistry:
    """Asks a registry over HTTP, off the event loop, and remembers what it answered.

    Neither an id nor its schema ever changes. Replay never needs it: the schema topic has the bindings.

    The subject of a schema is the record's full name (RecordNameStrategy), since one topic carries all kinds. Routes
    used: POST /subjects/{subject}/versions and GET /schemas/ids/{id}.
    """

    def __init__(self, connection: RegistryConnection) -> None:
        """Take where it is; nothing is asked yet.

        Raises ExtraMissing when the package is not installed, SettingInvalid when the files or the URL cannot be used.
        """
        self._url = connection.url
        self._client = _client(connection)
        self._ids: dict[bytes, int] = {}
        self._texts: dict[int, str] = {}
        self._refused: set[int] = set()

    async def __aenter__(self) -> Self:
        """Return the registry itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Disconnect."""
        await asyncio.to_thread(self._client.close)

    async def register(self, schema: WriterSchema) -> int:
        """Return the id of a schema; the registry gives it one if it has none yet.

        Raises RegistryUnavailable, and RegistryRefused when the registry does not let us or does not want the schema.
        """
        from confluent_kafka.schema_registry import Schema  # noqa: PLC0415 - an extra; the constructor checked

        known = self._ids.get(schema.fingerprint)
        if known is None:
            known = await self._ask(lambda: self._client.register_schema(schema.name, Schema(schema.text, "AVRO")))
            self._ids[schema.fingerprint] = known
        return known

    async def find(self, schema_id: int) -> str | None:
        """Return the JSON text of the Avro schema with this id; None when the registry has none, or refuses this id.

        Anybody can write a record that names any id, so a refusal is no more than "not here"; it is logged as an
        error, once per id. Raises RegistryUnavailable, and RegistryRefused when the credentials are wrong.
        """
        if schema_id > REGISTRY_ID_SERVED_MAX:
            return None
        if schema_id not in self._texts:
            answer = await self._ask(lambda: _text(self._client, self._url, schema_id))
            if isinstance(answer, RegistryRefused) and schema_id not in self._refused:
                self._refused.add(schema_id)
                _log.error("registry.id_refused", registry_id=schema_id, cause=str(answer))
            if not isinstance(answer, str):
                return None
            self._texts[schema_id] = answer
        return self._texts[schema_id]

    async def _ask(self, question: Callable[[], Answer]) -> Answer:
        try:
            return await asyncio.to_thread(question)
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - the client passes on what its HTTP library and its own checks raise
            raise _explained(self._url, error) from None


def _client(connection: RegistryConnection) -> SchemaRegistryClient:
    try:
        from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ExtraMissing(
            "A schema registry needs the package confluent-kafka, which is not installed.",
            hint="Install it with: pip install 'notification-ledger[registry]'",
        ) from error
    options: dict[str, object] = {
        "url": connection.url,
        "timeout": connection.timeout_seconds,
        # Who waits, and how often it is tried again, is decided by who asks: an emitter's caller, or the projector.
        "max.retries": 0,
    }
    if connection.username is not None:
        password = connection.password.reveal() if connection.password else ""
        options["basic.auth.user.info"] = f"{connection.username}:{password}"
    if connection.ca_file is not None:
        options["ssl.ca.location"] = connection.ca_file
    try:
        return SchemaRegistryClient(options)
    except (OSError, ValueError) as error:
        # The error's own text may repeat the URL or what stands in the file.
        raise SettingInvalid(
            f"schema_registry_url: the registry cannot be used ({type(error).__name__}).",
            hint="Check NOTIFICATION_LEDGER_SCHEMA_REGISTRY_URL (http or https) and _CA_FILE (a PEM file).",
            field="schema_registry_url",
        ) from None


def _text(client: SchemaRegistryClient, url: str, schema_id: int) -> str | RegistryRefused | None:
    from confluent_kafka.schema_registry import SchemaRegistryError  # noqa: PLC0415 - an extra

    try:
        schema = client.get_schema(schema_id)
    except SchemaRegistryError as error:
        if error.http_status_code == HTTPStatus.NOT_FOUND and error.error_code == SCHEMA_NOT_FOUND:
            return None
        refusal = _explained(url, error)
        if isinstance(refusal, RegistryRefused) and error.http_status_code != HTTPStatus.UNAUTHORIZED:
            return refusal
        raise
    # An id of a JSON or Protobuf schema is no writer schema of ours; one with references is not whole by itself.
    if schema.schema_type not in {None, "AVRO"} or schema.references:
        return None
    return schema.schema_str


def _explained(url: str, error: Exception) -> RegistryUnavailable | RegistryRefused:
    """Return what happened as an error of the tree; what the registry wrote is not repeated."""
    status = getattr(error, "http_status_code", None)
    if status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _MAY_PASS:
        what = type(error).__name__ if status is None else f"HTTP {status}"
        return RegistryUnavailable(
            f"The schema registry at {url} gives no answer ({what}).",
            hint="Check it and NOTIFICATION_LEDGER_SCHEMA_REGISTRY_URL, then try again.",
        )
    hint = {
        HTTPStatus.UNAUTHORIZED: "Check NOTIFICATION_LEDGER_SCHEMA_REGISTRY_USERNAME and _PASSWORD.",
        HTTPStatus.FORBIDDEN: "Give the user the right to read schemas, and an emitter's user to register them.",
        HTTPStatus.NOT_FOUND: "Check NOTIFICATION_LEDGER_SCHEMA_REGISTRY_URL: no registry answers at that path.",
        HTTPStatus.CONFLICT: "The subject holds a schema that ours is not compatible with: look at its versions and "
        "its compatibility level in the registry.",
        HTTPStatus.UNPROCESSABLE_ENTITY: "The registry does not take the schema: look at its rules for the subject.",
    }.get(status, "Look at the registry's log.")
    return RegistryRefused(
        f"The schema registry at {url} refused (HTTP {status}, error code {getattr(error, 'error_code', None)}).",
        hint=hint,
    )
