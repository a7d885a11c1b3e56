"""Projections: named, versioned read models, each a directory of SQL that this package ships, and its fold."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ledger_projectors.fold.facts import DECLARED, FACTS, FAILED_PERMANENTLY, OF_NOTIFICATIONS
from ledger_projectors.fold.rows import DATED


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
    return files("ledger_projectors").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def _load(name: str) -> Projection:
    room = files("ledger_projectors").joinpath("projections", name)
    manifest = tomllib.loads(room.joinpath("manifest.toml").read_text(encoding="utf-8"))
    modules = sorted(files("ledger_projectors").joinpath("fold").iterdir(), key=lambda module: module.name)
    fold = [module.read_text(encoding="utf-8") for module in modules if module.name.endswith(".py")]
    tables = room.joinpath("tables.sql").read_text(encoding="utf-8")
    views = _with_facts(room.joinpath("views.sql").read_text(encoding="utf-8"))
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


def _with_facts(views: str) -> str:
    """Return the text with three columns for each fact in the place of the comments that name facts of a grain."""
    shown = [name for name in FACTS if name not in {FAILED_PERMANENTLY, DECLARED}]
    below = [name for name in shown if name not in OF_NOTIFICATIONS]
    for grain, facts in (("notifications", shown), ("inbox entries", below), ("deliveries", below)):
        views = views.replace(f"/* facts of {grain} */", "\n    ".join(map(_columns_of, facts)))
    return views


def _columns_of(name: str) -> str:
    first = f"r.first_{name}_at" if name in DATED else f"fact_of(r.facts, '{name}').first_at AS first_{name}_at"
    return (
        f"{first}, fact_of(r.facts, '{name}').last_at AS last_{name}_at, "
        f"coalesce(fact_of(r.facts, '{name}').count, 0)::BIGINT AS {name}_count,"
    )
