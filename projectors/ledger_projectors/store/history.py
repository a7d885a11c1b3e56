"""History in its tables: events as they came, and what they state. Rows are only added, but for releases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl
from polars import DataFrame

from ledger_projectors.fold.plans import run
from ledger_projectors.store.frames import Frames
from ledger_projectors.store.projection import engine_sql

PLACE: Final = ("log_partition", "log_offset")


class History:
    """The tables of history of one file, in an open transaction of its writer."""

    def __init__(self, frames: Frames) -> None:
        """Use the writer's connection."""
        self._frames = frames

    def history(self, numbers: DataFrame) -> DataFrame:
        """Return all events of notifications, by n."""
        return self._frames.read(
            "FROM event_rows WHERE rowid IN (SELECT event_rows.rowid FROM event_rows SEMI JOIN numbers USING (n))",
            numbers=numbers[["n"]],
        )

    def events_of_kinds(self, numbers: DataFrame, kinds: Sequence[str]) -> DataFrame:
        """Return those events of notifications, by n, that are of some kinds."""
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        return self._frames.read(
            f"FROM event_rows WHERE kind IN ({listed}) AND rowid IN ("  # noqa: S608 - our own kinds
            "SELECT event_rows.rowid FROM event_rows SEMI JOIN numbers USING (n))",
            numbers=numbers[["n"]],
        )

    def events(self, identities: DataFrame) -> DataFrame:
        """Return events by n and event_id."""
        if identities.is_empty():
            return self.no_events()
        return self._frames.read(
            "FROM event_rows WHERE rowid IN (SELECT event_rows.rowid FROM event_rows SEMI JOIN "
            "(SELECT n, event_id::UUID AS event_id FROM identities) AS identities USING (n, event_id))",
            identities=identities[["n", "event_id"]],
        )

    def content_of(self, events: DataFrame) -> DataFrame:
        """Return what events say: their rows of event_contents."""
        if events.is_empty():
            return self._frames.empty("FROM event_contents LIMIT 0")
        return self._frames.read(
            "FROM event_contents SEMI JOIN places USING (log_partition, log_offset)", places=events[[*PLACE]]
        )

    def copies_of(self, events: DataFrame) -> tuple[tuple[int, int], ...]:
        """Return where events lie, and further copies of them that were applied as duplicates."""
        if events.is_empty():
            return ()
        found = self._frames.read(
            "SELECT log_partition, log_offset FROM duplicates SEMI JOIN ("
            "SELECT tenant_id, notification_id::UUID AS notification_id, event_id::UUID AS event_id FROM copied"
            ") AS copied USING (tenant_id, notification_id, event_id)",
            copied=events[["tenant_id", "notification_id", "event_id"]],
        )
        return tuple(pl.concat([events.select(PLACE), found]).unique().sort(PLACE).iter_rows())

    def not_applied(self, places: DataFrame, events: DataFrame) -> tuple[int, int] | None:
        """Return the first place whose record is not the one that was applied there; None: all are.

        `places` have recorded_at in milliseconds; `events` are what was decoded of them.
        """
        stated = events.select(*PLACE, "event_id")
        other = self._frames.read(engine_sql("misread"), again=places.join(stated, on=PLACE, how="left"))
        return other.row(0) if other.height else None

    def retractions(self, numbers: DataFrame) -> DataFrame:
        """Return n and event_id of what retracted events of notifications name."""
        if numbers.is_empty():
            return self._frames.empty("FROM retractions LIMIT 0")
        return self._frames.read("FROM retractions SEMI JOIN numbers USING (n)", numbers=numbers[["n"]])

    def seen_elsewhere(self, events: DataFrame) -> DataFrame:
        """Return n and event_hash of those events that the table seen_events has."""
        return self._frames.read(
            "FROM seen_events SEMI JOIN asked USING (n, event_hash)", asked=events[["n", "event_hash"]]
        )

    def no_events(self) -> DataFrame:
        """Return a frame of events without one."""
        return self._frames.empty("FROM event_rows LIMIT 0")

    def add_notifications(self, named: DataFrame) -> None:
        """Give notifications their numbers: n, tenant_id and notification_id."""
        if not named.is_empty():
            self._frames.run("INSERT INTO directory BY NAME FROM numbered", numbered=named)

    def add_history(self, events: DataFrame, contents: DataFrame, details: DataFrame) -> None:
        """Add events, and what else they state."""
        if events.is_empty():
            return
        columns = [name for name in events.columns if name not in {"tenant_id", "notification_id", "event_hash"}]
        self._frames.run("INSERT INTO event_rows BY NAME FROM new_events", new_events=events[columns])
        places = events[[*PLACE]].lazy()
        kept = run(*(stated.lazy().join(places, on=PLACE, how="semi") for stated in (contents, details)))
        for table, stated in zip(("event_contents", "event_details"), kept, strict=True):
            if not stated.is_empty():
                self._frames.run(f"INSERT INTO {table} BY NAME FROM new_{table}", **{f"new_{table}": stated})

    def add_duplicates(self, copies: DataFrame) -> None:
        """Add a small row for each further copy of an event."""
        if not copies.is_empty():
            names = ("tenant_id", "notification_id", "event_id", "recorded_at", *PLACE)
            self._frames.run("INSERT INTO duplicates BY NAME FROM new_duplicates", new_duplicates=copies[[*names]])

    def add_retractions(self, named: DataFrame) -> None:
        """Add n and event_id of what retracted events name."""
        if not named.is_empty():
            self._frames.run("INSERT INTO retractions BY NAME FROM new_retractions", new_retractions=named)

    def remove_retractions(self, numbers: DataFrame) -> None:
        """Forget what retracted events of notifications name."""
        self._frames.run(
            "DELETE FROM retractions USING numbers WHERE retractions.n = numbers.n", numbers=numbers[["n"]]
        )

    def remove_seen_events(self, numbers: DataFrame) -> None:
        """Forget the hashes of notifications that do not stand on their row: it gets all of them again."""
        self._frames.run(
            "DELETE FROM seen_events USING numbers WHERE seen_events.n = numbers.n", numbers=numbers[["n"]]
        )

    def remove_history(self, places: DataFrame) -> None:
        """Take events out of history, by their places in the log, and duplicates too."""
        if places.is_empty():
            return
        for table in ("event_rows", "event_contents", "event_details", "duplicates"):
            self._frames.run(
                f"DELETE FROM {table} USING places WHERE {table}.log_partition = places.log_partition "  # noqa: S608 - ours
                f"AND {table}.log_offset = places.log_offset",
                places=places[[*PLACE]],
            )
