"""Folded rows in their tables: what the fold is given of them, and what it puts there."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from polars import DataFrame, col

from ledger_projectors.fold.facts import ENTRY
from ledger_projectors.fold.folding import Rows
from ledger_projectors.fold.plans import run
from ledger_projectors.fold.rows import DATED, NUMBERS
from ledger_projectors.store.frames import Frames, hash_of
from ledger_projectors.store.hot_rows import HOT_ENTRIES_MAX, HOT_NOTIFICATIONS_MAX, HotEntries, HotRows
from ledger_projectors.store.locations import Hashes, Locations, Numbers

SEEN_EVENTS_MAX: Final = 256
"""Hashes of events that stand on the row of a notification; more go to a table that rows are only added to."""

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

KEPT_OF_BATCH_MAX: Final = 20_000
"""Rows of one table that a batch may write to be kept in memory: keeping more costs as much as a tenth of the batch."""

_READ_AT_ONCE: Final = 1_000_000
"""Notifications whose locations are read together."""

_FEW_TIMES: Final = 8
"""Entries of a broadcast: of more than these times those that are asked for, the wide columns are not read."""


def _columns(names: tuple[str, ...]) -> str:
    return ", ".join(names)


class FoldedRows:
    """The folded tables of one file, in an open transaction of its writer."""

    def __init__(self, frames: Frames) -> None:
        """Use the writer's connection."""
        self._frames = frames
        self._hot_notifications = HotRows(HOT_NOTIFICATIONS_MAX)
        self._hot_entries = HotEntries(HOT_ENTRIES_MAX)
        self._locations: Locations | None = None
        self._written: tuple[DataFrame, DataFrame] | None = None

    def committed(self) -> None:
        """Keep the rows that were written: the transaction is in the file. Raises nothing."""
        written, self._written = self._written, None
        if written is None:
            return
        try:
            self._keep(self._known(), *written)
        except Exception:  # noqa: BLE001 - behind COMMIT nothing fails: what cannot be kept is read again.
            self.forget()

    def drop_entries(self, notifications: DataFrame) -> None:
        """Keep no entries of these notifications: some of them go, and none replaces them."""
        self._hot_entries.drop(notifications["n"])

    def forget(self) -> None:
        """Keep nothing: the transaction failed, or maybe not."""
        self._locations = self._written = None
        self._hot_notifications.forget()
        self._hot_entries.forget()

    def last_number(self) -> int:
        """Return the number of the last notification."""
        return self._known().last_number

    def notifications(self, named: DataFrame) -> DataFrame:
        """Return the rows of notifications, by tenant_id and notification_id."""
        locations = self._known()
        versions = np.sort(locations.versions(locations.find(_hashes(named))))
        is_hot = versions >= self._hot_notifications.first_version()
        found = self._hot_notifications.rows(versions[is_hot].tolist())
        if not is_hot.all():
            found.append(self._at("notification_rows", _NOTIFICATION, versions[~is_hot]))
        if not found:
            return self.no_notifications()
        # Two ids may have one hash.
        return pl.concat(found).join(named, on=["notification_id", "tenant_id"], how="semi")

    def entries(self, wanted: DataFrame, notifications: DataFrame) -> DataFrame:
        """Return entries, by n and recipient_id; where that is null, all of the notification.

        `notifications` are the rows of these notifications.
        """
        if wanted.is_empty():
            return self.no_entries()
        recipients = dict(notifications[["n", "recipients"]].iter_rows())
        versions: set[int] = set()
        alone, whole, named = [], [], []
        for n, recipient_id in wanted.iter_rows():
            known = self._hot_entries.versions(n)
            if recipient_id in known:
                versions.add(known[recipient_id])
            elif len(known) == recipients[n]:
                # All that there are: a recipient who is not among them has no entry.
                versions.update(known.values() if recipient_id is None else ())
            elif recipients[n] == 1:
                alone.append(n)
            elif recipient_id is None:
                whole.append(n)
            else:
                named.append((n, recipient_id))
        found = self._hot_entries.rows(sorted(versions))
        if alone:
            their_versions = self._known().entry_versions(np.unique(alone))
            one_each = self._at("inbox_entry_rows", _ENTRY, their_versions)
            is_wanted = one_each.join(wanted, on=ENTRY, how="semi")
            whole_wanted = wanted.filter(col("recipient_id").is_null())
            found += [is_wanted, one_each.join(is_wanted, on="n", how="anti").join(whole_wanted, on="n", how="semi")]
        if whole or named:
            cold = self._entries_of_many(whole, DataFrame(named, _KEY, orient="row"))
            found.append(cold.filter(~col("version").is_in(list(versions))) if versions else cold)
        return pl.concat(found) if found else self.no_entries()

    def all_entries(self, notifications: DataFrame) -> DataFrame:
        """Return all entries of notifications, of which these are the rows."""
        if notifications.is_empty():
            return self.no_entries()
        return self.entries(notifications.select("n", recipient_id=pl.lit(None, pl.String)), notifications)

    def no_entries(self) -> DataFrame:
        """Return a frame of entries without one."""
        return self._frames.empty(f"SELECT {_columns(_ENTRY)} FROM inbox_entry_rows LIMIT 0")  # noqa: S608 - as above

    def no_notifications(self) -> DataFrame:
        """Return a frame of notifications without one."""
        return self._frames.empty(f"SELECT {_columns(_NOTIFICATION)} FROM notification_rows LIMIT 0")  # noqa: S608 - as above

    def replace_rows(self, rows: Rows, notifications: DataFrame, entries: DataFrame) -> None:
        """Put rows in the place of stored ones; each new row gets its version."""
        self._remove("notification_rows", notifications)
        self._remove("inbox_entry_rows", entries)
        self._remove("delivery_rows", entries)
        new_entries, last = _versioned(rows.entries, self._known().last_version)
        new_notifications, _ = _versioned(self._spilled(rows.notifications), last)
        deliveries = rows.deliveries.join(new_entries[[*ENTRY, "version"]], on=ENTRY)
        self._add("inbox_entry_rows", new_entries)
        self._add("delivery_rows", deliveries)
        self._add("notification_rows", new_notifications)
        self._written = new_notifications[[*_NOTIFICATION]], new_entries[[*_ENTRY]]

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
        )
        before = stored.lazy().join(changes.lazy(), on=keys, how="semi")
        sums = pl.concat([before.drop("lies"), changes.lazy()], how="vertical_relaxed").group_by(keys).sum()
        lies, after = run(before.select("lies"), sums.filter(col("total") != 0))
        if not lies.is_empty():
            self._frames.run("DELETE FROM recipient_count_rows WHERE rowid IN (FROM lies)", lies=lies)
        self._frames.run(
            "INSERT INTO recipient_count_rows BY NAME "
            "SELECT recipient_key(tenant_id, recipient_id) AS recipient_key, * FROM new_counts",
            new_counts=after,
        )

    def replace_contents(self, numbers: DataFrame, contents: DataFrame) -> None:
        """Put what notifications say in the place of what some of them said, by n."""
        if not numbers.is_empty():
            self._frames.run(
                "DELETE FROM content_rows USING numbers WHERE content_rows.n = numbers.n", numbers=numbers[["n"]]
            )
        self._add("content_rows", contents)

    def _keep(self, locations: Locations, notifications: DataFrame, entries: DataFrame) -> None:
        new = notifications[["n", "notification_id"]].filter(col("n") > locations.last_number)
        _learn(locations, new, notifications, entries)
        if max(notifications.height, entries.height) > KEPT_OF_BATCH_MAX:
            # Catching up: what comes next is about others.
            self._hot_notifications.forget()
            self._hot_entries.forget()
            return
        self._hot_notifications.put(notifications)
        self._hot_entries.put(entries)

    def _entries_of_many(self, whole: list[int], named: DataFrame) -> DataFrame:
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
            f"SELECT {_columns(_ENTRY)} FROM inbox_entry_rows WHERE rowid IN (FROM lies)",  # noqa: S608 - our own columns
            lies=lie.select("lies").sort("lies"),
        )
        return pl.concat([found.filter(is_whole), found.filter(~is_whole).join(named, on=ENTRY, how="semi")])

    def _at(self, table: str, columns: tuple[str, ...], versions: Numbers) -> DataFrame:
        """Return the rows of a table with these versions."""
        return self._frames.read(
            f"SELECT {_columns(columns)} FROM {table} WHERE version IN (FROM versions)",  # noqa: S608 - our own columns
            versions=DataFrame({"version": versions}),
        )

    def _known(self) -> Locations:
        """Return where rows lie, as the file says at the first call."""
        if self._locations is None:
            self._locations = Locations()
            ((last,),) = self._frames.read("SELECT coalesce(max(n), 0) AS n FROM notification_rows").iter_rows()
            for first in range(1, last + 1, _READ_AT_ONCE):
                these = f"n BETWEEN {first} AND {first + _READ_AT_ONCE - 1}"
                rows = self._frames.read(f"SELECT n, version, notification_id FROM notification_rows WHERE {these}")  # noqa: S608 - numbers
                entries = self._frames.read(f"SELECT n, version FROM inbox_entry_rows WHERE {these}")  # noqa: S608 - numbers
                _learn(self._locations, rows, rows, entries)
        return self._locations

    def _remove(self, table: str, rows: DataFrame) -> None:
        if not rows.is_empty():
            self._frames.run(f"DELETE FROM {table} WHERE version IN (FROM gone)", gone=rows[["version"]])  # noqa: S608 - as above

    def _add(self, table: str, rows: DataFrame) -> None:
        if not rows.is_empty():
            self._frames.run(f"INSERT INTO {table} BY NAME FROM new_{table}", **{f"new_{table}": rows})

    def _spilled(self, notifications: DataFrame) -> DataFrame:
        """Move long lists of hashes to seen_events; return the notifications without."""
        length = col("seen_events").list.len().cast(pl.Int32)
        long = notifications[["n", "seen_events"]].filter(length > SEEN_EVENTS_MAX)
        if long.is_empty():
            return notifications
        self._add("seen_events", long.select("n", event_hash="seen_events").explode("event_hash"))
        spills = pl.when(length > SEEN_EVENTS_MAX)
        return notifications.with_columns(
            seen_elsewhere=col("seen_elsewhere") + spills.then(length).otherwise(0),
            seen_events=spills.then(pl.lit([], pl.List(pl.UInt64))).otherwise("seen_events"),
        )


def _versioned(rows: DataFrame, written: int) -> tuple[DataFrame, int]:
    """Return rows with the versions that follow, and the version of the last one."""
    last = written + rows.height
    return rows.hstack([pl.Series("version", range(written + 1, last + 1), pl.Int64)]), last


def _learn(locations: Locations, new: DataFrame, notifications: DataFrame, entries: DataFrame) -> None:
    locations.add(_hashes(new), new["n"].to_numpy())
    locations.put_versions(*_versions(notifications))
    locations.put_entry_versions(*_versions(entries))


def _hashes(notifications: DataFrame) -> Hashes:
    """Return the hashes of notification ids."""
    return notifications.select(hash_of("notification_id"))["notification_id"].to_numpy()


def _versions(rows: DataFrame) -> tuple[Numbers, Numbers]:
    return rows["n"].to_numpy(), rows["version"].to_numpy()
