"""Where the quarantine commands get their answers: a running API when one answers, else the file itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import duckdb
import httpx2
from pydantic import BaseModel

from ledger_infra.cli.read_sources import ApiSource, ask, open_source
from ledger_infra.settings import Settings
from ledger_queries.answer_types import rfc_3339
from ledger_queries.quarantine import (
    QuarantineCount,
    QuarantineCountQuery,
    QuarantinedDetail,
    QuarantineListQuery,
    QuarantinePage,
    QuarantineShowQuery,
    count_quarantined,
    list_quarantined,
    show_quarantined,
)
from ledger_queries.reading import open_reading
from ledger_schemas.known_schemas import KnownSchemas

PATH: Final = "/v1/operator/quarantine"


class QuarantineSource(Protocol):
    """Answers the three questions about the quarantine, the same wherever the answer comes from."""

    def list(self, asked: QuarantineListQuery) -> QuarantinePage:
        """Return one page."""
        ...

    def count(self, asked: QuarantineCountQuery) -> QuarantineCount:
        """Return a count."""
        ...

    def show(self, partition: int, offset: int, asked: QuarantineShowQuery) -> QuarantinedDetail:
        """Return one record."""
        ...


@contextmanager
def open_quarantine(settings: Settings, url: str | None) -> Iterator[QuarantineSource]:
    """Open what answers, and raise, as `open_source` does. From the file alone, only the shipped schemas are known."""
    with open_source(settings, url) as source:
        yield _Api(source.client) if isinstance(source, ApiSource) else _File(source.connection)


@dataclass(frozen=True, slots=True)
class _Api:
    client: httpx2.Client

    def list(self, asked: QuarantineListQuery) -> QuarantinePage:
        return ask(self.client, PATH, QuarantinePage, _wire(asked))

    def count(self, asked: QuarantineCountQuery) -> QuarantineCount:
        return ask(self.client, f"{PATH}/count", QuarantineCount, _wire(asked))

    def show(self, partition: int, offset: int, asked: QuarantineShowQuery) -> QuarantinedDetail:
        return ask(self.client, f"{PATH}/{partition}/{offset}", QuarantinedDetail, _wire(asked))


@dataclass(frozen=True, slots=True)
class _File:
    connection: duckdb.DuckDBPyConnection

    def list(self, asked: QuarantineListQuery) -> QuarantinePage:
        with open_reading(self.connection.cursor) as reading:
            return list_quarantined(reading, asked)

    def count(self, asked: QuarantineCountQuery) -> QuarantineCount:
        with open_reading(self.connection.cursor) as reading:
            return count_quarantined(reading, asked)

    def show(self, partition: int, offset: int, asked: QuarantineShowQuery) -> QuarantinedDetail:
        with open_reading(self.connection.cursor) as reading:
            return show_quarantined(reading, partition, offset, asked, KnownSchemas())


def _wire(model: BaseModel) -> dict[str, Any]:
    values = model.model_dump(mode="python", exclude_defaults=True)
    for name in ("recorded_from", "recorded_before"):
        if name in values:
            values[name] = rfc_3339(values[name])
    return values
