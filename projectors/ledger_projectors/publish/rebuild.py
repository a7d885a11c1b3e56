"""Rebuild: replay the log into a new file, compare it with the old one at the same position, and swap."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import duckdb
import structlog

from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.directory.follower import replay_directory
from ledger_projectors.log.again import ReadAgain, read_again
from ledger_projectors.log.source import KafkaSource
from ledger_projectors.progress import Progress
from ledger_projectors.projector import Projector
from ledger_projectors.publish import swapping
from ledger_projectors.publish.completeness import AppliedRecords, check_same_log, check_still_held
from ledger_projectors.publish.digest import Digest, digest_read_model
from ledger_projectors.publish.swapping import discard, set_aside
from ledger_projectors.store.duckdb_errors import may_pass
from ledger_projectors.store.late_copies import with_copies
from ledger_projectors.store.opening import Logs, damage_reported
from ledger_projectors.store.quarantine import marked_dead_letters
from ledger_projectors.store.read_model import ReadModel
from ledger_projectors.store.steps import unobserved
from ledger_schemas.connection import KafkaConnection
from ledger_schemas.errors import GuardRefused, NotFound, ProjectorFailed, ReadModelsDiffer, ReadModelUnusable
from ledger_schemas.kafka_consumer import start_offsets
from ledger_schemas.positions import Position
from ledger_schemas.topic import DIRECTORY_TOPIC

PROGRESS_SECONDS: Final = 0.25
"""How often progress is reported."""

UNFINISHED_SUFFIX: Final = ".rebuilding"
"""A rebuild that was stopped goes on from this file."""

_log = structlog.get_logger("ledger_projectors.publish.rebuild")


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
    directory_topic: str = DIRECTORY_TOPIC,
    schemas: AwaitedSchemas | None = None,
    swap: bool = True,
    on_progress: Callable[[Progress], None] | None = None,
) -> Rebuilt:
    """Replay the log from its beginning into a new file, up to the position of the file at `path`.

    With a file of this version at `path`, the two are compared at that position: equal, the new one takes its place
    and the old one is kept beside it. The old one first takes out of quarantine what `schemas` knows by now, as its
    projector would at its next start: otherwise a schema that came late would be a difference. Without one, or with one
    that cannot be opened or is of another version, the replay goes to the end of the log; one that cannot be read
    through is kept and replaced, too. `swap=False` compares and throws the new file away. The old file stays locked all
    the while.

    When the log lacks records that the file has applied, the file may be their last copy: it stays as it is, and the
    replay is removed. A later replay must not go on from it, since the log may have been restored meanwhile.

    `swap=False` always reads the whole log into a new file. Otherwise a rebuild that was stopped is resumed. When there
    is an old file, the records that the rebuild has read are first counted in the log, without decoding them: if their
    number has changed (compaction, a restored log), the replay starts again.

    Raises LogIncomplete when the log lacks such records, ReadModelsDiffer (nothing is swapped, both files stay),
    DataDirectoryInUse while a projector has the file, GuardRefused when it was made from another log or topic, NotFound
    and ReadModelUnusable when there is nothing to compare and `swap` is off, ProjectorFailed when there is no room,
    BrokerUnavailable.
    """
    unfinished = path.with_name(path.name + UNFINISHED_SUFFIX)
    logs = Logs(topic, partitions, directory_topic)
    held = await asyncio.to_thread(_hold, path, logs, comparing=not swap)
    try:
        applied = await asyncio.to_thread(AppliedRecords.of, path, held, topic)
        if held is not None:
            await check_same_log(path, connection, logs, held.position(), held.last_records())
        elif applied is not None:
            await check_same_log(path, connection, logs, applied.position, applied.last_records)
        replay = _Replay(unfinished, connection, logs, schemas, held, applied, on_progress)
        if not swap:
            # A check must see the log as it is now, and not as a rebuild that was stopped has read it.
            await asyncio.to_thread(discard, unfinished)
        new = await replay.run()
        # Behind the replay, which may have learnt of schemas: both files are read with the same ones.
        read = partial(read_again, connection, topic)
        old = await _old_digest(held, schemas, read, comparing=not swap) if held else None
        if old is not None and old.text != new.text:
            aside = await asyncio.to_thread(set_aside, unfinished, path)
            differing = ", ".join(name for name, content in new.tables.items() if old.tables.get(name) != content)
            raise ReadModelsDiffer(
                f"At {new.position}, {path} and its rebuild, {aside}, differ in: {differing}.",
                hint="Nothing was swapped. Keep both, compare them and report it: this must not happen. The ledger goes"
                " on with the old file. For one from the log alone, name another directory with --data-dir.",
            )
        if held is not None and old is not None and swap:
            await asyncio.to_thread(_carry_over, held, unfinished)
    finally:
        # Only now: nobody else can have opened it during the replay, and the swap notices who does in between.
        if held is not None:
            await asyncio.to_thread(held.close)
    if not swap:
        await asyncio.to_thread(discard, unfinished)
    kept = await asyncio.to_thread(swapping.swap, unfinished, path) if swap else None
    return Rebuilt(new.position, new, old, kept)


@dataclass(frozen=True, slots=True)
class _Replay:
    """A replay of the log into the file `unfinished`, up to the position of `held`, else to the end of the log."""

    unfinished: Path
    connection: KafkaConnection
    logs: Logs
    schemas: AwaitedSchemas | None
    held: ReadModel | None
    applied: AppliedRecords | None
    on_progress: Callable[[Progress], None] | None

    async def run(self) -> Digest:
        """Resume an unfinished replay; start again when the unfinished file cannot be resumed. Raises as `rebuild`."""
        resuming = await asyncio.to_thread(self.unfinished.exists)
        while True:
            try:
                return await self._once()
            except (GuardRefused, ProjectorFailed) as error:
                unusable = _is_unusable(error)
                # The unfinished file cannot be resumed. Remove it, or every later rebuild fails on it.
                if unusable and (resuming or isinstance(error, GuardRefused)):
                    await asyncio.to_thread(discard, self.unfinished)
                if not (resuming and unusable):
                    raise
            resuming = False

    async def _once(self) -> Digest:
        model = await asyncio.to_thread(_open, self.unfinished, self.logs)
        try:
            until = self.held.position() if self.held is not None else None
            if until is not None and not until.reached(model.position()):
                raise GuardRefused(f"{self.unfinished} is at {model.position()}, beyond {until}.", hint="Remove it.")
            resumed = bool(model.position().only(model.topic))
            await self._skip_deleted_offsets(model)
            if resumed and self.applied is not None:
                await check_still_held(model, self.connection)
            with damage_reported(self.unfinished):
                await replay_directory(model, self.connection, until)
            await self._project(model, until)
            if self.applied is not None:
                await asyncio.to_thread(self.applied.check_held_by, model, model.topic)
            # An unfinished file may be damaged; the replay then starts again.
            with damage_reported(self.unfinished):
                return await _digest(model, self.schemas, partial(read_again, self.connection, self.logs.topic))
        finally:
            await asyncio.to_thread(model.close)

    async def _skip_deleted_offsets(self, model: ReadModel) -> None:
        """Start at the first offset that the log still has.

        The old file has applied the deleted records, so the check counts them as missing.
        """
        if self.applied is None:
            return
        starts = await start_offsets(self.connection, model.topic, range(model.partitions))
        gone = {at[1]: start for at, start in starts.items() if start <= self.applied.position.get(at, 0)}
        if gone and model.position().only(model.topic):
            raise GuardRefused(
                f"{self.unfinished} is at {model.position()}, and may have records that the log has lost since.",
                hint="Remove it.",
            )
        if gone:
            await asyncio.to_thread(model.apply, [], gone)

    async def _project(self, model: ReadModel, until: Position | None) -> None:
        async with KafkaSource(
            self.connection,
            topic=model.topic,
            partitions=model.partitions,
            position=model.position(),
            last_records=model.last_records(),
            until=until,
        ) as source:
            # A replay meets again what live runs put into quarantine one by one: the limit is theirs.
            projector = Projector(
                model,
                source,
                schemas=self.schemas,
                until=until if until is not None else await source.end(),
                quarantine_window_records=None,
                read_again=partial(read_again, self.connection, model.topic),
            )
            telling = asyncio.create_task(_tell(projector, self.on_progress)) if self.on_progress else None
            try:
                await projector.run()
            finally:
                if telling is not None:
                    telling.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await telling
        if self.on_progress:
            self.on_progress(projector.progress())


def _is_unusable(error: GuardRefused | ProjectorFailed) -> bool:
    """Say whether it is the unfinished file that stands in the way, and not the room for it."""
    cause = error.__cause__
    return isinstance(error, GuardRefused) or (isinstance(cause, duckdb.Error) and not may_pass(cause))


def _carry_over(held: ReadModel, unfinished: Path) -> None:
    """Take over what the log does not say: which records the dead-letter topic has, or all would go there again."""
    try:
        with damage_reported(held.path), held.reader() as connection:
            produced = marked_dead_letters(connection)
    except ReadModelUnusable as error:
        _tell_damage(held.path, error)
        return
    if produced:
        with _open(unfinished, Logs(held.topic, held.partitions, held.directory_topic)) as model:
            model.mark_dead_letters(produced)


def _open(path: Path, logs: Logs) -> ReadModel:
    return ReadModel.create_or_open(
        path, topic=logs.topic, partitions=logs.partitions, directory_topic=logs.directory_topic
    )


def _hold(path: Path, logs: Logs, *, comparing: bool) -> ReadModel | None:
    """Open the file at `path`, and so lock it; None when there is none that this version can be compared with."""
    if not path.exists():
        if comparing:
            raise NotFound(f"There is no read model at {path}.", hint="Name the data directory with --data-dir.")
        return None
    try:
        return _open(path, logs)
    except ReadModelUnusable:
        # What this user may not write is not damaged, and cannot be replaced safely.
        if comparing or not os.access(path, os.W_OK):
            raise
        return None


async def _old_digest(
    held: ReadModel, schemas: AwaitedSchemas | None, read: ReadAgain, *, comparing: bool
) -> Digest | None:
    """Return the digest of the old file; None when it opens but cannot be read through, and is not needed."""
    try:
        with damage_reported(held.path):
            return await _digest(held, schemas, read)
    except ReadModelUnusable as error:
        if comparing:
            raise
        _tell_damage(held.path, error)
        return None


def _tell_damage(path: Path, error: ReadModelUnusable) -> None:
    _log.error(
        "rebuild.old_file_damaged",
        path=str(path),
        cause=type(error.__cause__).__name__,
        hint="It is kept and replaced. Which records the dead-letter topic has is not known: it gets them once more.",
    )


async def _digest(model: ReadModel, schemas: AwaitedSchemas | None, read: ReadAgain) -> Digest:
    if schemas is not None:
        release = partial(asyncio.to_thread, model.release, schemas.known, unobserved)
        while await with_copies(release, read) is not None:
            pass
    return await asyncio.to_thread(_digest_of, model)


def _digest_of(model: ReadModel) -> Digest:
    with model.reader() as connection:
        return digest_read_model(connection)


async def _tell(projector: Projector, on_progress: Callable[[Progress], None]) -> None:
    while True:
        on_progress(projector.progress())
        await asyncio.sleep(PROGRESS_SECONDS)
