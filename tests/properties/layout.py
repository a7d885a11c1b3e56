"""What holds of every read model file whatever it was told: rows lie where they are looked for, each of them once."""

from __future__ import annotations

from typing import Final

import duckdb

from ledger_projectors.store.read_model import ReadModel

FOUND_MAX: Final = 10
"""Rows that are shown for each rule."""

KEYS: Final = {
    "directory": ("n",),
    "event_rows": ("n", "event_id"),
    "event_contents": ("log_partition", "log_offset"),
    "event_details": ("log_partition", "log_offset"),
    "notification_rows": ("n",),
    "inbox_entry_rows": ("n", "recipient_id"),
    "delivery_rows": ("n", "recipient_id", "channel", "delivery_ref"),
    "content_rows": ("n",),
    "recipient_count_rows": ("tenant_id", "recipient_id", "shelf"),
}
"""What no two rows of a table share."""

BROKEN: Final = {
    "a notification has one number": """
        SELECT tenant_id, notification_id FROM directory
        GROUP BY ALL HAVING count(*) > 1""",
    "numbers were given": """
        SELECT n, touched_in FROM directory
        WHERE n NOT BETWEEN 1 AND (SELECT max(notifications) FROM numbering)
        OR touched_in NOT BETWEEN 1 AND (SELECT max(batches) FROM numbering)""",
    "there is one numbering": "SELECT count(*) AS numberings FROM numbering HAVING count(*) <> 1",
    "a notification has events": "SELECT n FROM directory ANTI JOIN event_rows USING (n)",
    "events lie where the directory says": """
        SELECT n, event_id, touched_in FROM event_rows
        ANTI JOIN directory USING (n, touched_in)""",
    "events were written before they moved": """
        SELECT n, event_id, written_in, touched_in FROM event_rows
        WHERE written_in NOT BETWEEN 1 AND touched_in""",
    "contents lie where their event was written": """
        SELECT log_partition, log_offset, written_in FROM event_contents
        ANTI JOIN (FROM event_rows WHERE kind IN ('created', 'amended')) AS e
            USING (log_partition, log_offset, written_in)""",
    "details lie where their event was written": """
        SELECT log_partition, log_offset, written_in FROM event_details
        ANTI JOIN (FROM event_rows WHERE kind NOT IN ('created', 'amended')) AS e
            USING (log_partition, log_offset, written_in)""",
    "rows of notifications lie where the directory says": """
        SELECT n, touched_in FROM notification_rows
        ANTI JOIN directory USING (n, touched_in, tenant_id, notification_id)""",
    "rows of inbox entries lie where the directory says": """
        SELECT n, recipient_id, touched_in FROM inbox_entry_rows
        ANTI JOIN directory USING (n, touched_in, tenant_id, notification_id)""",
    "rows of deliveries lie where the directory says": """
        SELECT n, recipient_id, channel, delivery_ref, touched_in FROM delivery_rows
        ANTI JOIN directory USING (n, touched_in, tenant_id, notification_id)""",
    "contents are of notifications": """
        SELECT n FROM content_rows
        ANTI JOIN directory USING (n, tenant_id, notification_id)""",
    "a delivery is of an inbox entry, and that of a notification": """
        SELECT n, recipient_id FROM delivery_rows ANTI JOIN inbox_entry_rows USING (n, recipient_id)
        UNION ALL
        SELECT n, recipient_id FROM inbox_entry_rows ANTI JOIN notification_rows USING (n)""",
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
    "counts are those of the rows": """
        WITH counted AS (
            SELECT
                recipient_key(tenant_id, recipient_id) AS recipient_key,
                tenant_id,
                recipient_id,
                shelf_of(marks) AS shelf,
                count(*) AS total,
                count(*) FILTER (NOT marked(marks, 'is_read')) AS unread,
                count(*) FILTER (marks & seen_marks() = 0) AS unseen,
                count(*) FILTER (NOT marked(marks, 'acknowledged')) AS unacknowledged
            FROM inbox_entry_rows
            WHERE listed_at IS NOT NULL
            GROUP BY ALL
        )
        (SELECT 'too many' AS what, * FROM (FROM recipient_count_rows EXCEPT ALL FROM counted))
        UNION ALL
        (SELECT 'missing' AS what, * FROM (FROM counted EXCEPT ALL FROM recipient_count_rows))""",
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
    found = {rule: connection.execute(query).fetchmany(FOUND_MAX) for rule, query in {**twice, **BROKEN}.items()}
    return [f"{rule}, but not {rows}" for rule, rows in found.items() if rows]


def check_layout(model: ReadModel) -> None:
    """Check that nothing is wrong with the layout of the file."""
    reader = model.reader()
    try:
        assert faults(reader) == []
    finally:
        reader.close()
