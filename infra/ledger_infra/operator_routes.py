"""Routes for the operator of a running ledger: publish a snapshot without stopping anything."""

from collections.abc import Callable
from pathlib import Path

import duckdb
from fastapi import APIRouter
from pydantic import BaseModel, Field

from ledger_infra.snapshots import publish_numbered


class SnapshotAnswer(BaseModel):
    """A snapshot was published."""

    path: str = Field(description="The file, on the machine of the ledger.")
    position: str = Field(description="What it reflects.")


def operator_router(reader: Callable[[], duckdb.DuckDBPyConnection], data_dir: Path) -> APIRouter:
    """Return `POST /v1/operator/snapshots`: the caller chooses no path, so it cannot write where it should not."""
    router = APIRouter(tags=["operator"])

    @router.post("/v1/operator/snapshots", status_code=201, summary="Publish a snapshot of the read model")
    def publish() -> SnapshotAnswer:
        """Copy the read model, at one position, to a new file below the data directory. It holds every tenant."""
        with reader() as connection:
            path, position = publish_numbered(connection, data_dir)
        return SnapshotAnswer(path=str(path.resolve()), position=str(position))

    return router
