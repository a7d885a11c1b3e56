"""Rebuild: replay the log into a new file, compare it with the old one at the same position, and swap."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger_projectors.digest import Digest, digest_read_model
from ledger_projectors.projector import Progress, Projector
from ledger_projectors.read_model import ReadModel
from ledger_projectors.source import KafkaSource
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import GuardRefused, ReadModelsDiffer
from ledger_schemas.positions import Position

PROGRESS_SECONDS: Final = 0.25
"""How often progress is told."""

UNFINISHED_SUFFIX: Final = ".rebuilding"
"""A rebuild that was stopped goes on from this file."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild found: both digests (old is None when there was nothing to compare), and where the files are."""

    position: Position
    new: Digest
    old: Digest | None
    kept: Path | None


async def rebuild(
    path: Path,
    connection: KafkaConnection,
    *,
    topic: str,
    partitions: int,
    swap: bool = True,
    on_progress: Callable[[Progress], None] | None = None,
) -> Rebuilt:
    """Replay the log from its beginning into a new file, up to the position of the file at `path`.

    With a file of this version at `path`, the two are compared at that position: equal, the new one takes its place
    and the old one is kept beside it. Without one, or with a file of another version, the replay goes to the end of
    the log. `swap=False` compares and throws the new file away.

    Raises ReadModelsDiffer (nothing is swapped, both files stay), DataDirectoryInUse while a projector has the file,
    BrokerUnavailable, GuardRefused.
    """
    unfinished = path.with_name(path.name + UNFINISHED_SUFFIX)
    old = await asyncio.to_thread(_old_digest, path, topic, partitions)
    until = old.position if old else None
    resuming = unfinished.exists()
    try:
        new = await _replay(unfinished, connection, topic, partitions, until, on_progress)
    except GuardRefused:
        if not resuming:
            raise
        # What was left unfinished is of another version or log, or too far: of no use, and nobody would remove it.
        await asyncio.to_thread(_discard, unfinished, path)
        new = await _replay(unfinished, connection, topic, partitions, until, on_progress)
    if old is not None and old.text != new.text:
        differing = ", ".join(name for name, content in new.tables.items() if old.tables.get(name) != content)
        raise ReadModelsDiffer(
            f"At {new.position}, {path} and its rebuild differ in: {differing}.",
            hint=f"Nothing was swapped. Compare {path} with {unfinished}, and report it: this must not happen.",
        )
    kept = await asyncio.to_thread(_swap if swap else _discard, unfinished, path)
    return Rebuilt(new.position, new, old, kept)


def _swap(unfinished: Path, path: Path) -> Path | None:
    kept = None
    if path.exists():
        kept = _free_name(path)
        path.rename(kept)
        # A file that could not even be opened still has its write-ahead log, which must not meet the new file.
        if _wal(path).exists():
            _wal(path).rename(_wal(kept))
    unfinished.rename(path)
    return kept


def _discard(unfinished: Path, path: Path) -> Path | None:  # noqa: ARG001 - the same call as _swap
    unfinished.unlink()
    _wal(unfinished).unlink(missing_ok=True)
    return None


def _old_digest(path: Path, topic: str, partitions: int) -> Digest | None:
    """Return the digest of the file at `path`; None when there is none that this version can be compared with."""
    if not path.exists():
        return None
    try:
        with ReadModel.create_or_open(path, topic=topic, partitions=partitions) as model:
            return digest_read_model(model.reader())
    except GuardRefused:
        return None


async def _replay(
    unfinished: Path,
    connection: KafkaConnection,
    topic: str,
    partitions: int,
    until: Position | None,
    on_progress: Callable[[Progress], None] | None,
) -> Digest:
    model = await asyncio.to_thread(ReadModel.create_or_open, unfinished, topic=topic, partitions=partitions)
    try:
        if until is not None and not until.reached(model.position()):
            raise GuardRefused(f"{unfinished} is at {model.position()}, beyond {until}.", hint="Remove it.")
        async with KafkaSource(
            connection,
            topic=topic,
            partitions=partitions,
            position=model.position(),
            last_records=model.last_records(),
            until=until,
        ) as source:
            target = until if until is not None else await source.end()
            projector = Projector(model, source, until=target)
            telling = asyncio.create_task(_tell(projector, on_progress)) if on_progress else None
            try:
                await projector.run()
            finally:
                if telling is not None:
                    telling.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await telling
        if on_progress:
            on_progress(projector.progress())
        return await asyncio.to_thread(digest_read_model, model.reader())
    finally:
        await asyncio.to_thread(model.close)


async def _tell(projector: Projector, on_progress: Callable[[Progress], None]) -> None:
    while True:
        on_progress(projector.progress())
        await asyncio.sleep(PROGRESS_SECONDS)


def _wal(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _free_name(path: Path) -> Path:
    number = 1
    while (name := path.with_name(f"{path.stem}.replaced-{number}{path.suffix}")).exists():
        number += 1
    return name
