"""What the tour checks: that the read model holds what was fed, once each, and that a rebuild says the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
from rich.table import Table

from ledger_infra.demo.stream import StreamTally
from ledger_projectors.publish.rebuild import Rebuilt

_NUMBERS: Final = {
    "events": "SELECT count(*) FROM events",
    "identities": "SELECT count(DISTINCT (tenant_id, notification_id, event_id)) FROM events",
    "duplicates": "SELECT count(*) FROM duplicates",
    "quarantined": "SELECT count(*) FROM quarantine",
    "listed": "SELECT count(listed_at) FROM notifications",
    "doubled notifications": "SELECT count(*) - count(DISTINCT (tenant_id, notification_id)) FROM notifications",
    "doubled entries": "SELECT count(*) - count(DISTINCT (tenant_id, notification_id, recipient_id)) "
    "FROM inbox_entries",
    "doubled deliveries": "SELECT count(*) - count(DISTINCT (tenant_id, notification_id, recipient_id, channel, "
    "delivery_ref)) FROM deliveries",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must hold: what, what was expected, what was found."""

    what: str
    expected: str
    found: str

    @property
    def holds(self) -> bool:
        """Say whether what was found is what was expected."""
        return self.expected == self.found


def compare_with_fed(path: Path, fed: StreamTally) -> list[Finding]:
    """Compare a closed read model file with the tally of what was put into the log."""
    with duckdb.connect(str(path), read_only=True) as connection:
        number = {name: int(connection.execute(sql).fetchall()[0][0]) for name, sql in _NUMBERS.items()}
        kinds = Counter(dict(connection.execute("SELECT kind, count(*) FROM events GROUP BY kind").fetchall()))
        tenants = Counter(dict(connection.execute("SELECT tenant_id, count(*) FROM events GROUP BY ALL").fetchall()))
    doubled = sum(count for name, count in number.items() if name.startswith("doubled"))
    return [
        Finding("distinct events in history", f"{fed.distinct:,}", f"{number['events']:,}"),
        Finding("of them with an identity of their own", f"{fed.distinct:,}", f"{number['identities']:,}"),
        Finding("further copies, noted as duplicates", f"{fed.duplicates:,}", f"{number['duplicates']:,}"),
        Finding("events of each kind", "as fed", _difference(fed.kinds, kinds)),
        Finding("events of each tenant", "as fed", _difference(fed.tenants, tenants)),
        Finding("notifications listed", f"{fed.notifications:,}", f"{number['listed']:,}"),
        Finding("rows that stand twice", "0", f"{doubled:,}"),
        Finding("records in quarantine", "0", f"{number['quarantined']:,}"),
    ]


def compare_digests(rebuilt: Rebuilt) -> tuple[Finding, Table]:
    """Return the verdict on a rebuild, and its tables side by side."""
    table = Table("table", box=None, padding=(0, 3))
    for heading in ("rows", "rows rebuilt"):
        table.add_column(heading, justify="right")
    table.add_column("checksum of the rows")
    old = rebuilt.old.tables if rebuilt.old else {}
    for name, (rows, checksum) in rebuilt.new.tables.items():
        table.add_row(name, f"{old.get(name, (0, ''))[0]:,}", f"{rows:,}", checksum[:16])
    expected = rebuilt.old.text if rebuilt.old else "an old file"
    return Finding("digest of the rebuild", expected[:16], rebuilt.new.text[:16]), table


def _difference(fed: Counter[str], found: Counter[str]) -> str:
    differing = sorted(name for name in fed | found if fed[name] != found[name])
    return ", ".join(f"{name}: {fed[name]:,} fed, {found[name]:,} found" for name in differing) or "as fed"
