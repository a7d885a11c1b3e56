"""Where the read commands get their answers: a running API when one answers, else the read model's file itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import duckdb
import httpx2
from pydantic import BaseModel, ValidationError

from ledger_infra.paths import read_model_path
from ledger_infra.read_only import open_read_only
from ledger_infra.running import bearer, credential_for, running_ledger
from ledger_infra.settings import Settings
from ledger_queries.answer_types import rfc_3339
from ledger_queries.answers import AnyPage, count_rows, get_notification, list_rows
from ledger_queries.badges import read_badge
from ledger_queries.filters import Filter, Grain, GroupBy
from ledger_queries.parameters import Consistency, Part
from ledger_queries.reading import Reading, open_reading, parse_at_least, require
from ledger_queries.rows import (
    BadgeAnswer,
    CountAnswer,
    DeliveryPage,
    InboxEntryPage,
    NotificationDetail,
    NotificationPage,
)
from ledger_schemas import limits
from ledger_schemas.errors import (
    ApiUnavailable,
    BadRequest,
    LedgerError,
    SettingInvalid,
    all_errors,
)

CONNECT_SECONDS: Final = 2.0
"""How long an API may take to accept a connection, and to say that it lives."""

ANSWER_SECONDS: Final = limits.WAIT_SECONDS_MAX + 30.0
"""How long one answer may take: the longest wait for a position, and the query."""

_INSTEAD: Final = "Ask its API with --url, query a published snapshot, or stop it first."

_PATHS: Final[dict[Grain, tuple[str, type[AnyPage]]]] = {
    Grain.NOTIFICATION: ("/v1/notifications", NotificationPage),
    Grain.INBOX_ENTRY: ("/v1/inbox", InboxEntryPage),
    Grain.DELIVERY: ("/v1/deliveries", DeliveryPage),
}

_Answer = TypeVar("_Answer", bound=BaseModel)


class Source(Protocol):
    """Answers the questions of the API. What it raises is the same wherever the answer comes from."""

    def list(self, grain: Grain, asked: Filter, fresh: Consistency, part: Part) -> AnyPage:
        """Return one page."""
        ...

    def count(self, grain: Grain, asked: Filter, fresh: Consistency, *, group_by: GroupBy | None) -> CountAnswer:
        """Return a count."""
        ...

    def get(self, tenant: str, notification_id: UUID, fresh: Consistency) -> NotificationDetail:
        """Return one notification whole."""
        ...

    def badge(self, tenant: str, recipient: str, fresh: Consistency) -> BadgeAnswer:
        """Return the badge of a recipient."""
        ...


@contextmanager
def open_source(settings: Settings, url: str | None) -> Iterator[ApiSource | FileSource]:
    """Open the API at `url`; without one, the API that runs over the data directory; else the file itself.

    Raises ApiUnavailable when nothing answers at `url`, DataDirectoryInUse when another process has the file,
    SettingInvalid when the URL is none or the data directory holds no read model.
    """
    with open_api(settings, url) as client:
        if client is not None:
            yield ApiSource(client)
            return
    with open_read_only(read_model_path(settings.data_dir), instead=_INSTEAD) as connection:
        yield FileSource(connection)


@contextmanager
def open_api(settings: Settings, url: str | None) -> Iterator[httpx2.Client | None]:
    """Give a client of the API at `url`; without one, of the API that runs over the data directory; None: none does.

    It asks with the configured key. Without one, it asks the ledger of the data directory as its operator: a user who
    can read its run file may do that. Raises SettingInvalid when the URL is none.
    """
    running = running_ledger(settings.data_dir)
    found = url or (running.api_url if running is not None else None)
    if found is None:
        yield None
        return
    credential = credential_for(found, running, settings)
    with _client(found, credential) as client:
        yield client if url is not None or _lives(client) else None


@dataclass(frozen=True, slots=True)
class ApiSource:
    """Asks a running API."""

    client: httpx2.Client

    def list(self, grain: Grain, asked: Filter, fresh: Consistency, part: Part) -> AnyPage:
        """Return one page."""
        path, page = _PATHS[grain]
        return self._ask(path, page, {**_wire(asked), **_wire(fresh), **_wire(part)})

    def count(self, grain: Grain, asked: Filter, fresh: Consistency, *, group_by: GroupBy | None) -> CountAnswer:
        """Return a count."""
        path, _ = _PATHS[grain]
        return self._ask(f"{path}/count", CountAnswer, {**_wire(asked), **_wire(fresh), "group_by": group_by})

    def get(self, tenant: str, notification_id: UUID, fresh: Consistency) -> NotificationDetail:
        """Return one notification whole."""
        return self._ask(f"/v1/notifications/{notification_id}", NotificationDetail, {"tenant": tenant, **_wire(fresh)})

    def badge(self, tenant: str, recipient: str, fresh: Consistency) -> BadgeAnswer:
        """Return the badge of a recipient."""
        return self._ask("/v1/inbox/badge", BadgeAnswer, {"tenant": tenant, "recipient": recipient, **_wire(fresh)})

    def _ask(self, path: str, model: type[_Answer], parameters: Mapping[str, Any]) -> _Answer:
        return ask(self.client, path, model, parameters)


@dataclass(frozen=True, slots=True)
class FileSource:
    """Reads the file itself. Nobody writes it meanwhile, so it never waits for a position."""

    connection: duckdb.DuckDBPyConnection

    def list(self, grain: Grain, asked: Filter, fresh: Consistency, part: Part) -> AnyPage:
        """Return one page."""
        with self._reading(fresh) as reading:
            return list_rows(reading, grain, asked, **part.model_dump())

    def count(self, grain: Grain, asked: Filter, fresh: Consistency, *, group_by: GroupBy | None) -> CountAnswer:
        """Return a count."""
        with self._reading(fresh) as reading:
            return count_rows(reading, grain, asked, group_by=group_by)

    def get(self, tenant: str, notification_id: UUID, fresh: Consistency) -> NotificationDetail:
        """Return one notification whole."""
        with self._reading(fresh) as reading:
            return get_notification(reading, tenant, notification_id)

    def badge(self, tenant: str, recipient: str, fresh: Consistency) -> BadgeAnswer:
        """Return the badge of a recipient."""
        with self._reading(fresh) as reading:
            return read_badge(reading, tenant, recipient)

    @contextmanager
    def _reading(self, fresh: Consistency) -> Iterator[Reading]:
        wanted = parse_at_least(fresh.at_least)
        with open_reading(self.connection.cursor) as reading:
            require(reading, wanted)
            yield reading


def ask(
    client: httpx2.Client,
    path: str,
    model: type[_Answer],
    parameters: Mapping[str, Any] | None = None,
    body: BaseModel | None = None,
) -> _Answer:
    """Return what an API answers to a GET with the parameters that are not None, or to a POST of `body`.

    Raises ApiUnavailable, and the error that the API answered with.
    """
    given = {name: value for name, value in (parameters or {}).items() if value is not None}
    try:
        if body is None:
            response = client.get(path, params=given)
        else:
            response = client.post(path, json=body.model_dump(mode="json"))
    except httpx2.TransportError as error:
        raise ApiUnavailable(
            f"No API answers at {client.base_url} ({type(error).__name__}).",
            hint="Start one with `notification-ledger up`, or correct --url.",
        ) from error
    if not response.is_success:
        raise _error(response)
    try:
        return model.model_validate_json(response.content)
    except ValidationError:
        raise _stranger(response) from None


def _client(url: str, credential: str | None) -> httpx2.Client:
    try:
        # A proxy from the environment has no way to this machine's loopback address.
        return httpx2.Client(
            base_url=url,
            headers=bearer(credential),
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
        )
    except (httpx2.InvalidURL, ValueError) as error:
        raise SettingInvalid(
            f"url: {url!r} is not a URL ({type(error).__name__}).",
            hint="It looks like http://127.0.0.1:8080.",
            field="url",
        ) from None


def _lives(client: httpx2.Client) -> bool:
    """Say whether the ledger's API answers; a run file may have outlived its process, and its port been taken over."""
    try:
        return bool(client.get("/health/live", timeout=CONNECT_SECONDS).json() == {"status": "live"})
    except (httpx2.HTTPError, ValueError):
        return False


def _wire(model: BaseModel) -> dict[str, Any]:
    """Return the query parameters of a model; what is not set is left out."""
    values = model.model_dump(mode="python", exclude_none=True, exclude_defaults=True)
    return {name: rfc_3339(value) if isinstance(value, datetime) else value for name, value in values.items()}


def _error(response: httpx2.Response) -> LedgerError:
    """Return the error that the API answered with, as the class that raised it there."""
    try:
        problem = response.json()
        code, detail, hint = problem["code"], str(problem["detail"]), str(problem.get("hint", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return _stranger(response)
    for known in all_errors():
        if known.code == code:
            return known(detail, hint=hint, field=problem.get("field"))
    fallback = ApiUnavailable if response.is_server_error else BadRequest
    return fallback(detail, hint=hint, field=problem.get("field"))


def _stranger(response: httpx2.Response) -> ApiUnavailable:
    return ApiUnavailable(
        f"What answers at {response.url.host}:{response.url.port} is not this ledger's API "
        f"(HTTP {response.status_code}).",
        hint="Correct --url; the API and this command must be of one version.",
    )
