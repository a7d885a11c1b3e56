"""The dialects: vendors' notification APIs, each served from the same read model under a prefix of its own."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp

from ledger_queries.desk import Desk


def dialect_apps(desk: Desk) -> Mapping[str, ASGIApp]:  # noqa: ARG001 - the first dialect will take it
    """Return the applications of all dialects, by prefix."""
    return {}
