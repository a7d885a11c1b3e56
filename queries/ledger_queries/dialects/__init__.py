"""The dialects: vendors' notification APIs, each served from the same read model under a prefix of its own."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp

from ledger_queries.desk import Desk
from ledger_queries.dialects.easir import easir_app
from ledger_queries.dialects.nextinteract import nextinteract_app
from ledger_queries.dialects.novu import novu_app
from ledger_queries.dialects.realtimeregister import realtimeregister_app
from ledger_queries.dialects.suger import suger_app


def dialect_apps(desk: Desk) -> Mapping[str, ASGIApp]:
    """Return the applications of all dialects, by prefix."""
    return {
        "/easir": easir_app(desk),
        "/nextinteract": nextinteract_app(desk),
        "/novu": novu_app(desk),
        "/realtimeregister": realtimeregister_app(desk),
        "/suger": suger_app(desk),
    }
