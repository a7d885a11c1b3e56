"""The tables of history and of the folded rows: what the fold is given of them, and what it puts there."""

from __future__ import annotations

from typing import Final

import duckdb
import polars as pl
from polars import DataFrame, col

from ledger_projectors.fold.facts import ENTRY
from ledger_projectors.fold.folding import Rows
from ledger_projectors.fold.rows import DATED, NUMBERS
from ledger_projectors.store.frames import Frames
from ledger_projectors.store.hot_rows import HOT_ENTRIES_MAX, HOT_NOTIFICATIONS_MAX, HotRows
from ledger_projectors.store.projection import engine_sql

SEEN_EVENTS_MAX: Final = 256
"""Hashes of events that stand on the row of a notification; more go to a table that rows are only added to."""

PLACE: Final = ("log_partition", "log_offset")

_NOTIFICATION: Final = (
    *("version", "n", "tenant_id", "notification_id", "listed_at", "failed_permanently", "channels"),
    *(*NUMBERS, "facts", "stated", "seen_events", "seen_elsewhere"),
)
"""What the fold is given of a notification."""

_ENTRY: Final = (
    *("version", "n", "tenant_id", "recipient_id", "listed_at", "is_seen", "is_read", "is_archived", "is_snoozed"),
    *("is_deleted", *(f"first_{name}_at" for name in DATED), "deliveries", "stated"),
)
"""What the fold is given of an inbox entry."""


_KEY: Final = {"n": pl.Int64, "recipient_id": pl.String}

_FEW_TIMES: Final = 8
"""Entries of a broadcast: of more than these times those that are asked for, the wide columns are not read."""


def _columns(names: tuple[str, ...]) -> str:
    return ", ".join(names)


class Tables:
    """The tables of one file, in an open transaction of its writer. Numbers are those of `numbering`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Use the writer's connection."""
        self._frames = Frames(connection)
        self._empty: dict[str, DataFrame] = {}
        self._hot_notifications = HotRows(("notification_id", "tenant_id"), HOT_NOTIFICATIONS_MAX)
        self._hot_entries = HotRows(ENTRY, HOT_ENTRIES_MAX)
        self._numbering: tuple[int, int] | None = None
        self._written: tuple[DataFrame, DataFrame] | None = None

    # -- what is kept in memory ----------------------------------------------------------------------------------------

    def committed(self) -> None:
        """Keep the rows that were written: the transaction is in the file."""
        if self._written is not None:
            notifications, entries = self._written
            self._hot_notifications.put(notifications)
            self._hot_entries.put(entries)
        self._written = None

    def drop(self, notifications: DataFrame) -> None:
        """Keep no rows of these notifications: some of them go, and none replaces them."""
        self._hot_notifications.drop(notifications["notification_id"])
        self._hot_entries.drop(notifications["n"])

    def forget(self) -> None:
        """Keep no rows: the transaction failed."""
        self._written = self._numbering = None
        self._hot_notifications.forget()
        self._hot_entries.forget()
        self._frames.forget()

    # -- what is stored ------------------------------------------------------------------------------------------------

    def numbering(self) -> tuple[int, int]:
        """Return the number of the last notification, and of the last row."""
        if self._numbering is None:
            self._numbering = self._frames.read("FROM numbering").row(0)
        return self._numbering

    def notifications(self, named: DataFrame) -> DataFrame:
        """Return the rows of notifications, by tenant_id and notification_id; each is named once."""
        versions, cold = [], []
        for notification_id, tenant_id in named.select("notification_id", "tenant_id").iter_rows():
            version = self._hot_notifications.versions(notification_id).get(tenant_id)
            if version is None:
                cold.append((notification_id, tenant_id))
            else:
                versions.append(version)
        found = self._hot_notifications.rows(versions)
        if cold:
            schema = {"notification_id": pl.Binary, "tenant_id": pl.String}
            found.append(self._cold_notifications(DataFrame(cold, schema, orient="row")))
        return pl.concat(found) if found else self.no_notifications()

    def _cold_notifications(self, named: DataFrame) -> DataFrame:
        return self._frames.read(
            # Where they lie first, off narrow columns: of wide ones, only what surrounds those is then read.
            f"SELECT {_columns(_NOTIFICATION)} FROM notification_rows WHERE rowid IN ("  # noqa: S608 - our own columns
            "SELECT stored.rowid FROM notification_rows AS stored SEMI JOIN (SELECT tenant_id, notification_id::UUID AS "
            "notification_id FROM named) AS named USING (notification_id, tenant_id))",
            named=named,
        )

    def entries(self, wanted: DataFrame, notifications: DataFrame) -> DataFrame:
        """Return entries, by n and recipient_id; where that is null, all of the notification.

        `notifications` are the rows of these notifications.
        """
        if wanted.is_empty():
            return self.no_entries()
        recipients = dict(notifications.select("n", "recipients").iter_rows())
        versions: set[int] = set()
        whole, named = [], []
        for n, recipient_id in wanted.iter_rows():
            known = self._hot_entries.versions(n)
            if recipient_id in known:
                versions.add(known[recipient_id])
            elif len(known) == recipients[n]:
                # All that there are: a recipient who is not among them has no entry.
                versions.update(known.values() if recipient_id is None else ())
            elif recipient_id is None:
                whole.append(n)
            else:
                named.append((n, recipient_id))
        found = self._hot_entries.rows(sorted(versions))
        if whole or named:
            cold = self._cold_entries(whole, DataFrame(named, _KEY, orient="row"))
            found.append(cold.filter(~col("version").is_in(list(versions))))
        return pl.concat(found) if found else self.no_entries()

    def _cold_entries(self, whole: list[int], named: DataFrame) -> DataFrame:
        """Return all entries of some notifications, and those that are named of others."""
        # Where they lie first, off the one column: a join on more reads those of every notification.
        numbers = pl.concat([DataFrame({"n": whole}, {"n": pl.Int64}), named.select("n")]).unique()
        lie = self._frames.read(
            "SELECT rowid AS lies, n FROM inbox_entry_rows SEMI JOIN numbers USING (n)", numbers=numbers
        )
        is_whole = col("n").is_in(whole)
        if lie.filter(~is_whole).height > _FEW_TIMES * named.height:
            of_many = self._frames.read(
                "SELECT rowid AS lies, n, recipient_id FROM inbox_entry_rows WHERE rowid IN (FROM lies)",
                lies=lie.filter(~is_whole).select("lies"),
            )
            lie = pl.concat([lie.filter(is_whole), of_many.join(named, on=ENTRY, how="semi").select("lies", "n")])
        if lie.is_empty():
            return self.no_entries()
        found = self._frames.read(
            f"SELECT {_columns(_ENTRY)} FROM inbox_entry_rows WHERE rowid IN (FROM lies)",  # noqa: S608 - as above
            lies=lie.select("lies").sort("lies"),
        )
        return pl.concat([found.filter(is_whole), found.filter(~is_whole).join(named, on=ENTRY, how="semi")])

    def no_entries(self) -> DataFrame:
        """Return a frame of entries without one."""
        return self._none(f"SELECT {_columns(_ENTRY)} FROM inbox_entry_rows LIMIT 0")  # noqa: S608 - as above

    def no_notifications(self) -> DataFrame:
        """Return a frame of notifications without one."""
        return self._none(f"SELECT {_columns(_NOTIFICATION)} FROM notification_rows LIMIT 0")  # noqa: S608 - as above

    def history(self, numbers: DataFrame) -> DataFrame:
        """Return all events of notifications, by n."""
        return self._frames.read(
            "FROM event_rows WHERE rowid IN (SELECT event_rows.rowid FROM event_rows SEMI JOIN numbers USING (n))",
            numbers=numbers.select("n"),
        )

    def events(self, identities: DataFrame) -> DataFrame:
        """Return events by n and event_id."""
        if identities.is_empty():
            return self.no_events()
        return self._frames.read(
            "FROM event_rows WHERE rowid IN (SELECT event_rows.rowid FROM event_rows SEMI JOIN "
            "(SELECT n, event_id::UUID AS event_id FROM identities) AS identities USING (n, event_id))",
            identities=identities.select("n", "event_id"),
        )

    def content_of(self, events: DataFrame) -> DataFrame:
        """Return what events say: their rows of event_contents."""
        if events.is_empty():
            return self._none("FROM event_contents LIMIT 0")
        return self._frames.read(
            "FROM event_contents SEMI JOIN places USING (log_partition, log_offset)", places=events.select(PLACE)
        )

    def copies_of(self, events: DataFrame) -> tuple[tuple[int, int], ...]:
        """Return where events lie, and further copies of them that were applied as duplicates."""
        if events.is_empty():
            return ()
        found = self._frames.read(
            "SELECT log_partition, log_offset FROM duplicates SEMI JOIN (SELECT tenant_id, notification_id::UUID AS "
            "notification_id, event_id::UUID AS event_id FROM copied) AS copied USING (tenant_id, notification_id, event_id)",
            copied=events.select("tenant_id", "notification_id", "event_id"),
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
            return self._none("FROM retractions LIMIT 0")
        return self._frames.read("FROM retractions SEMI JOIN numbers USING (n)", numbers=numbers.select("n"))

    def seen_elsewhere(self, events: DataFrame) -> DataFrame:
        """Return n and event_hash of those events that the table seen_events has."""
        return self._frames.read(
            "FROM seen_events SEMI JOIN asked USING (n, event_hash)", asked=events.select("n", "event_hash")
        )

    def no_events(self) -> DataFrame:
        """Return a frame of events without one."""
        return self._none("FROM event_rows LIMIT 0")

    def _none(self, sql: str) -> DataFrame:
        if sql not in self._empty:
            self._empty[sql] = self._frames.read(sql)
        return self._empty[sql]

    # -- what is written -----------------------------------------------------------------------------------------------

    def add_notifications(self, named: DataFrame) -> None:
        """Give notifications their numbers: n, tenant_id and notification_id."""
        if not named.is_empty():
            self._frames.run("INSERT INTO directory BY NAME FROM numbered", numbered=named)

    def add_history(self, events: DataFrame, contents: DataFrame, details: DataFrame) -> None:
        """Add events, and what else they state."""
        if events.is_empty():
            return
        columns = events.drop("tenant_id", "notification_id", "event_hash")
        self._frames.run("INSERT INTO event_rows BY NAME FROM new_events", new_events=columns)
        for table, stated in (("event_contents", contents), ("event_details", details)):
            if not (kept := stated.join(events, on=PLACE, how="semi")).is_empty():
                self._frames.run(f"INSERT INTO {table} BY NAME FROM new_{table}", **{f"new_{table}": kept})

    def add_duplicates(self, copies: DataFrame) -> None:
        """Add a small row for each further copy of an event."""
        if not copies.is_empty():
            names = ("tenant_id", "notification_id", "event_id", "recorded_at", *PLACE)
            self._frames.run("INSERT INTO duplicates BY NAME FROM new_duplicates", new_duplicates=copies.select(names))

    def add_retractions(self, named: DataFrame) -> None:
        """Add n and event_id of what retracted events name."""
        if not named.is_empty():
            self._frames.run("INSERT INTO retractions BY NAME FROM new_retractions", new_retractions=named)

    def remove_retractions(self, numbers: DataFrame) -> None:
        """Forget what retracted events of notifications name."""
        self._frames.run(
            "DELETE FROM retractions USING numbers WHERE retractions.n = numbers.n", numbers=numbers.select("n")
        )

    def remove_seen_events(self, numbers: DataFrame) -> None:
        """Forget the hashes of notifications that do not stand on their row: it gets all of them again."""
        self._frames.run(
            "DELETE FROM seen_events USING numbers WHERE seen_events.n = numbers.n", numbers=numbers.select("n")
        )

    def remove_history(self, places: DataFrame) -> None:
        """Take events out of history, by their places in the log, and duplicates too."""
        if places.is_empty():
            return
        for table in ("event_rows", "event_contents", "event_details", "duplicates"):
            self._frames.run(
                f"DELETE FROM {table} USING places WHERE {table}.log_partition = places.log_partition "  # noqa: S608 - ours
                f"AND {table}.log_offset = places.log_offset",
                places=places.select(PLACE),
            )

    def replace_rows(self, rows: Rows, notifications: DataFrame, entries: DataFrame) -> None:
        """Put rows in the place of stored ones; each new row gets its version."""
        self._remove("notification_rows", notifications)
        self._remove("inbox_entry_rows", entries)
        self._remove("delivery_rows", entries)
        numbered, written = self.numbering()
        new_entries = rows.entries.with_columns(version=pl.int_range(pl.len()) + (written + 1))
        deliveries = rows.deliveries.join(new_entries.select(*ENTRY, "version"), on=ENTRY).sort("version")
        written += new_entries.height
        new_notifications = self._spilled(rows.notifications).with_columns(
            version=pl.int_range(pl.len()) + (written + 1)
        )
        written += new_notifications.height
        self._add("inbox_entry_rows", new_entries)
        self._add("delivery_rows", deliveries)
        self._add("notification_rows", new_notifications)
        self._number(max([numbered, *rows.notifications["n"]]), written)
        self._written = new_notifications.select(_NOTIFICATION), new_entries.select(_ENTRY)

    def change_counts(self, changes: DataFrame) -> None:
        """Add to the counts of recipients, by tenant, recipient and shelf; a shelf with nothing on it has no row."""
        if changes.is_empty():
            return
        keys = ["tenant_id", "recipient_id", "shelf"]
        stored = self._frames.read(
            "SELECT rowid AS lies, * EXCLUDE (recipient_key) FROM recipient_count_rows WHERE rowid IN ("
            "SELECT stored.rowid FROM recipient_count_rows AS stored SEMI JOIN (SELECT "
            "recipient_key(tenant_id, recipient_id) AS recipient_key FROM changes) AS changed USING (recipient_key))",
            changes=changes,
        ).join(changes, on=keys, how="semi")
        sums = pl.concat([stored.drop("lies"), changes], how="vertical_relaxed").group_by(keys).sum()
        if not stored.is_empty():
            self._frames.run("DELETE FROM recipient_count_rows WHERE rowid IN (FROM lies)", lies=stored.select("lies"))
        self._frames.run(
            "INSERT INTO recipient_count_rows BY NAME "
            "SELECT recipient_key(tenant_id, recipient_id) AS recipient_key, * FROM new_counts",
            new_counts=sums.filter(col("total") != 0),
        )

    def replace_contents(self, numbers: DataFrame, contents: DataFrame) -> None:
        """Put what notifications say in the place of what some of them said, by n."""
        if not numbers.is_empty():
            self._frames.run(
                "DELETE FROM content_rows USING numbers WHERE content_rows.n = numbers.n", numbers=numbers.select("n")
            )
        self._add("content_rows", contents)

    def _remove(self, table: str, rows: DataFrame) -> None:
        if not rows.is_empty():
            gone = rows.select("version").sort("version")
            self._frames.run(f"DELETE FROM {table} WHERE version IN (FROM gone)", gone=gone)  # noqa: S608 - as above

    def _add(self, table: str, rows: DataFrame) -> None:
        if not rows.is_empty():
            self._frames.run(f"INSERT INTO {table} BY NAME FROM new_{table}", **{f"new_{table}": rows})

    def _number(self, notifications: int, rows: int) -> None:
        # Replaced, not updated: an UPDATE that an open reader may ask for keeps DuckDB from every checkpoint.
        self._frames.run("DELETE FROM numbering")
        now = DataFrame({"notifications": [notifications], "rows": [rows]})
        self._frames.run("INSERT INTO numbering BY NAME FROM numbering_now", numbering_now=now)
        # True of this transaction already; `forget` follows where it fails.
        self._numbering = notifications, rows

    def _spilled(self, notifications: DataFrame) -> DataFrame:
        """Move long lists of hashes to seen_events; return the notifications without."""
        length = col("seen_events").list.len().cast(pl.Int32)
        long = notifications.filter(length > SEEN_EVENTS_MAX)
        if long.is_empty():
            return notifications
        self._add("seen_events", long.select("n", event_hash="seen_events").explode("event_hash"))
        spills = pl.when(length > SEEN_EVENTS_MAX)
        return notifications.with_columns(
            seen_elsewhere=col("seen_elsewhere") + spills.then(length).otherwise(0),
            seen_events=spills.then(pl.lit([], pl.List(pl.UInt64))).otherwise("seen_events"),
        )
