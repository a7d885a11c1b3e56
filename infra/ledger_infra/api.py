"""The API of a running ledger, put together from its parts."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI

from ledger_infra.operator_routes import operator_router
from ledger_infra.quarantine_routes import quarantine_router
from ledger_infra.settings import Settings
from ledger_producers import Emitter
from ledger_producers.directory_emitter import DirectoryEmitter
from ledger_producers.ingest import ingest_router
from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.directory.mirror import DirectoryMirror
from ledger_projectors.projector import Projector
from ledger_projectors.store.read_model import ReadModel
from ledger_queries import Desk, Readiness, create_app


@dataclass(frozen=True, slots=True)
class Parts:
    """What the API is put together from."""

    settings: Settings
    model: ReadModel
    projector: Projector
    schemas: AwaitedSchemas
    directory: DirectoryMirror
    emitter: Emitter
    directory_emitter: DirectoryEmitter


def app_of(parts: Parts) -> FastAPI:
    """Return the whole application: the native API, the dialects, and the operator's routes."""

    def readiness() -> Readiness:
        progress = parts.projector.progress()
        ready = progress.caught_up and not progress.retrying
        return Readiness(ready=ready, position=progress.position, behind=progress.behind, alarms=progress.alarms)

    return create_app(
        Desk(
            parts.model.reader,
            directory=parts.directory,
            wait_for=parts.projector.wait_for,
            sink=parts.emitter,
            directory_sink=parts.directory_emitter,
        ),
        readiness=readiness,
        routers=[
            ingest_router(parts.emitter),
            operator_router(parts.model.reader, parts.settings.data_dir),
            quarantine_router(parts.model.reader, lambda: parts.schemas.known, parts.projector.retry),
        ],
    )
