"""Alarms: what an operator must look at while the ledger runs, each with its facts and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AlarmCode(StrEnum):
    """The stable name of an alarm; programs match on it."""

    DISK_LOW = "disk_low"
    """The disk has less free room than a rebuild or a checkpoint needs."""

    WAL_LONG = "wal_long"
    """Checkpoints do not happen: the write-ahead log is much longer than it should be."""

    READER_OLD = "reader_old"
    """A reader holds a state from before the last commit, and the file grows by what each checkpoint replaces."""

    CONFLICTS = "conflicts"
    """Clients repeat event_ids with other content: many conflicts among the last records of a partition."""

    QUARANTINE_HIGH = "quarantine_high"
    """Many of the last records of a partition cannot be applied, for other reasons than a conflict."""

    LOG_HELD_BACK = "log_held_back"
    """Records wait behind a transaction that another producer has left open; they are not applied before it ends."""

    DIRECTORY_UNREADABLE = "directory_unreadable"
    """Records of the directory cannot be read, and were not applied: a revocation may be among them."""

    TOPIC_SETTINGS = "topic_settings"
    """A topic has another setting than the ledger needs; with some of them the log loses facts."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One condition that holds now.

    `subject` tells alarms of one code apart: a topic, a partition. `detail` has the facts, `hint` the next step;
    neither holds a payload or an address. With `loses_facts`, the log is losing records: the ledger is not ready.
    """

    code: AlarmCode
    detail: str
    hint: str
    subject: str = ""
    loses_facts: bool = False
