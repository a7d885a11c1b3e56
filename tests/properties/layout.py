"""What holds of every read model file whatever it was told: rows agree with one another, and each is there once."""

from __future__ import annotations

from typing import Final

import duckdb

from ledger_projectors.fold.rows import DATED, NUMBERS
from ledger_projectors.store import folded_rows
from ledger_projectors.store.read_model import ReadModel

FOUND_MAX: Final = 10
"""Rows that are shown for each rule."""

KEYS: Final = {
    "directory": ("n",),
    "event_rows": ("n", "event_id"),
    "event_contents": ("log_partition", "log_offset"),
    "event_details": ("log_partition", "log_offset"),
    "retractions": ("n", "event_id"),
    "seen_events": ("n", "event_hash"),
    "notification_rows": ("n",),
    "inbox_entry_rows": ("n", "recipient_id"),
    "delivery_rows": ("n", "recipient_id", "channel", "delivery_ref"),
    "content_rows": ("n",),
    "recipient_count_rows": ("tenant_id", "recipient_id", "shelf"),
}
"""What no two rows of a table share."""

GRAINS: Final = ("notification_rows", "inbox_entry_rows", "delivery_rows")

_HASH: Final = (
    "xor(('0x' || replace(event_id::VARCHAR, '-', '')[1:16])::UBIGINT, "
    "('0x' || replace(event_id::VARCHAR, '-', '')[17:32])::UBIGINT)"
)
"""64 bits of an event's id: its first half XOR its second."""


def _each_grain(query: str) -> str:
    """Return what `query` finds in the rows of all grains; it asks for `{rows}`."""
    return "\nUNION ALL\n".join(query.replace("{rows}", grain) for grain in GRAINS)


def _counted(number: str) -> str:
    """Return what one of the numbers of a notification counts of its entries."""
    if number == "recipients":
        return "count(*)"
    if number == "deliveries":
        return "sum(deliveries)"
    of = number.removeprefix("recipients_")
    held = {"seen", "read", "archived", "snoozed", "deleted"}
    return f"count(*) FILTER ({f'is_{of}' if of in held else f'first_{of}_at IS NOT NULL'})"


def _differing(expected: str, found: str) -> str:
    """Return the rows that one of two queries gives and the other does not, each as often as it is too many."""
    return f"""
        (SELECT 'too many' AS what, * FROM (({found}) EXCEPT ALL ({expected})))
        UNION ALL
        (SELECT 'missing' AS what, * FROM (({expected}) EXCEPT ALL ({found})))"""  # noqa: S608 - our own queries


BROKEN: Final = {
    "a notification has one number": """
        SELECT tenant_id, notification_id FROM directory
        GROUP BY ALL HAVING count(*) > 1""",
    "numbers go from one on without a gap": """
        SELECT n FROM directory
        WHERE n NOT BETWEEN 1 AND (SELECT count(*) FROM directory)""",
    "versions go from one on": """
        SELECT version FROM (SELECT version FROM notification_rows UNION ALL SELECT version FROM inbox_entry_rows)
        WHERE version < 1""",
    "a version is of one row": """
        SELECT version FROM (SELECT version FROM notification_rows UNION ALL SELECT version FROM inbox_entry_rows)
        GROUP BY ALL HAVING count(*) > 1""",
    "a notification has events": "SELECT n FROM directory ANTI JOIN event_rows USING (n)",
    "events are of notifications": "SELECT n, event_id FROM event_rows ANTI JOIN directory USING (n)",
    "a place in the log is told of once": """
        SELECT log_partition, log_offset, list(told) AS told
        FROM (
            SELECT log_partition, log_offset, 'events' AS told FROM event_rows
            UNION ALL
            SELECT log_partition, log_offset, 'duplicates' FROM duplicates
            UNION ALL
            SELECT log_partition, log_offset, 'quarantine' FROM quarantine
        )
        GROUP BY ALL HAVING count(*) > 1""",
    "contents are of an event that has such": """
        SELECT log_partition, log_offset FROM event_contents
        ANTI JOIN (FROM event_rows WHERE kind IN ('created', 'amended')) AS e USING (log_partition, log_offset)""",
    "details are of an event that has such": """
        SELECT log_partition, log_offset FROM event_details
        ANTI JOIN (FROM event_rows WHERE kind NOT IN ('created', 'amended')) AS e USING (log_partition, log_offset)""",
    "what is retracted stands in history": _differing(
        "SELECT DISTINCT n, retracted_event_id FROM event_rows WHERE kind = 'retracted'",
        "SELECT n, event_id FROM retractions",
    ),
    "hashes are those of the events": _differing(
        f"SELECT n, {_HASH} AS event_hash FROM event_rows",  # noqa: S608 - our own expression
        "SELECT n, unnest(seen_events) AS event_hash FROM notification_rows UNION ALL FROM seen_events",
    ),
    "hashes that stand elsewhere are counted": """
        SELECT n, seen_elsewhere, count(event_hash) AS elsewhere
        FROM notification_rows LEFT JOIN seen_events USING (n)
        GROUP BY ALL HAVING seen_elsewhere <> elsewhere""",
    "a row has few hashes": "SELECT n FROM notification_rows WHERE len(seen_events) > $seen_events_max",
    "a notification has a row": "SELECT n FROM directory ANTI JOIN notification_rows USING (n)",
    "rows are of notifications": _each_grain("""
        SELECT '{rows}' AS grain, n, tenant_id, notification_id FROM {rows}
        ANTI JOIN directory USING (n, tenant_id, notification_id)"""),
    "contents are of notifications": """
        SELECT n FROM content_rows
        ANTI JOIN directory USING (n, tenant_id, notification_id)""",
    "a delivery is of an inbox entry, and has its version": """
        SELECT n, recipient_id, version FROM delivery_rows
        ANTI JOIN inbox_entry_rows USING (n, recipient_id, version)""",
    "what is listed is so at all grains": "\nUNION ALL\n".join(
        f"""
        SELECT '{grain}' AS grain, n, below.listed_at, whole.listed_at
        FROM {grain} AS below JOIN notification_rows AS whole USING (n)
        WHERE below.listed_at IS DISTINCT FROM whole.listed_at"""  # noqa: S608 - our own names
        for grain in GRAINS[1:]
    ),
    "numbers are those of the entries": _differing(
        f"""
            SELECT n, {", ".join(f'coalesce("{name}", 0) AS "{name}"' for name in NUMBERS)}
            FROM directory LEFT JOIN (
                SELECT n, {", ".join(f'{_counted(name)} AS "{name}"' for name in NUMBERS)}
                FROM inbox_entry_rows GROUP BY n
            ) USING (n)""",  # noqa: S608 - our own names
        f"SELECT n, {', '.join(NUMBERS)} FROM notification_rows",  # noqa: S608 - as above
    ),
    "deliveries of an entry are counted": """
        SELECT n, recipient_id, deliveries, count(channel) AS counted
        FROM inbox_entry_rows LEFT JOIN (SELECT n, recipient_id, channel FROM delivery_rows) USING (n, recipient_id)
        GROUP BY ALL HAVING deliveries <> counted""",
    "channels are those of the deliveries": """
        SELECT 'inbox_entry_rows' AS grain, n, recipient_id, channels,
            coalesce(list_sort(list(DISTINCT channel) FILTER (channel IS NOT NULL)), []) AS of_deliveries
        FROM inbox_entry_rows LEFT JOIN (SELECT n, recipient_id, channel FROM delivery_rows) USING (n, recipient_id)
        GROUP BY ALL HAVING channels <> of_deliveries
        UNION ALL
        SELECT 'notification_rows', n, NULL, channels,
            coalesce(list_sort(list(DISTINCT channel) FILTER (channel IS NOT NULL)), []) AS of_deliveries
        FROM notification_rows LEFT JOIN (SELECT n, channel FROM delivery_rows) USING (n)
        GROUP BY ALL HAVING channels <> of_deliveries""",
    "facts are in order, each once": _each_grain("""
        SELECT '{rows}' AS grain, n, [f.fact FOR f IN facts] AS told FROM {rows}
        WHERE [enum_code(f.fact) FOR f IN facts] <> list_sort(list_distinct([enum_code(f.fact) FOR f IN facts]))"""),
    "first times are those of the facts": _each_grain(f"""
        SELECT '{{rows}}' AS grain, n FROM {{rows}}
        WHERE {" OR ".join(f"first_{name}_at IS DISTINCT FROM fact_of(facts, '{name}').first_at" for name in DATED)}
        """),  # noqa: S608 - our own names
    "a fact is stated once": "\nUNION ALL\n".join(
        f"""
        SELECT '{grain}' AS grain, n, [row(s.channel, s.delivery_ref, s.fact) FOR s IN stated] AS said FROM {grain}
        WHERE len(said) <> len(list_distinct(said))"""  # noqa: S608 - our own names
        for grain in GRAINS[:2]
    ),
    "counts are those of the rows": _differing(
        """
            SELECT
                recipient_key(tenant_id, recipient_id) AS recipient_key,
                tenant_id,
                recipient_id,
                shelf_of(is_deleted, is_archived, is_snoozed) AS shelf,
                count(*) AS total,
                count(*) FILTER (NOT is_read) AS unread,
                count(*) FILTER (NOT is_seen) AS unseen,
                count(*) FILTER (first_acknowledged_at IS NULL) AS unacknowledged
            FROM inbox_entry_rows
            WHERE listed_at IS NOT NULL
            GROUP BY ALL""",
        "FROM recipient_count_rows",
    ),
}
"""Rules, and what breaks each of them: no row does."""


def faults(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return what is wrong with the layout of a read model file: a line for each rule that is broken, or none.

    It reads all of the file, and changes nothing.
    """
    twice = {
        f"no key stands twice in {table}": f"SELECT {', '.join(key)} FROM {table} GROUP BY ALL HAVING count(*) > 1"  # noqa: S608 - our own names
        for table, key in KEYS.items()
    }
    found = {
        rule: connection.execute(
            query, {"seen_events_max": folded_rows.SEEN_EVENTS_MAX} if "$seen_events_max" in query else None
        ).fetchmany(FOUND_MAX)
        for rule, query in {**twice, **BROKEN}.items()
    }
    return [f"{rule}, but not {rows}" for rule, rows in found.items() if rows]


def check_layout(model: ReadModel) -> None:
    """Check that nothing is wrong with the layout of the file."""
    reader = model.reader()
    try:
        found = faults(reader)
    finally:
        reader.close()
    assert not found, "\n".join(found)
