"""Projections: named, versioned read models, each a directory of SQL that this package ships, and its fold."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ledger_projectors.store.contract_sql import expanded


@dataclass(frozen=True, slots=True)
class Projection:
    """One read model: the SQL that makes its tables and its views.

    `digest` is SHA-256 over all tables of a file and the fold: two files with the same digest hold the same function of
    the log. Views are policies over the rows and have a digest of their own: changing one asks for no replay.
    """

    name: str
    version: int
    tables: tuple[str, ...]
    create_tables: str
    create_views: str
    digest: str
    views_digest: str


@cache
def lifecycle() -> Projection:
    """Return the projection of the notification lifecycle."""
    return _load("lifecycle")


@cache
def engine_sql(name: str) -> str:
    """Return one of the engine's own statement files (`kept`, `released`, ...)."""
    return expanded(files("ledger_projectors").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8"))


def _load(name: str) -> Projection:
    room = files("ledger_projectors").joinpath("projections", name)
    manifest = tomllib.loads(room.joinpath("manifest.toml").read_text(encoding="utf-8"))
    modules = sorted(files("ledger_projectors").joinpath("fold").iterdir(), key=lambda module: module.name)
    fold = [module.read_text(encoding="utf-8") for module in modules if module.name.endswith(".py")]
    tables, views = (expanded(room.joinpath(name).read_text(encoding="utf-8")) for name in ("tables.sql", "views.sql"))
    return Projection(
        name=manifest["name"],
        version=manifest["version"],
        tables=tuple(manifest["tables"]),
        create_tables=tables,
        create_views=views,
        digest=_sha256(engine_sql("engine_tables"), engine_sql("directory_tables"), tables, *fold),
        views_digest=_sha256(views),
    )


def _sha256(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
