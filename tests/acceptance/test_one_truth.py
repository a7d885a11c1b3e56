"""Five dialects, one truth: what they say of one history agrees, however it was written, and after a new start."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_schemas import Event
from ledger_schemas.access import Caller, Role
from tests.queries.builder import NOON, Model

from .one_truth import RECIPIENTS, TENANT, Job, Log, Truth, logs, seconds
from .serving import Served, credential, secret_of

EXAMPLES: Final = 10
DAY: Final = f"{NOON.date()}"


@dataclass(frozen=True, slots=True)
class Told:
    """What the dialects answer: bodies by request, byte for byte."""

    bodies: Mapping[str, bytes]

    def of(self, request: str) -> Any:  # noqa: ANN401 - any JSON
        """Return an answer as JSON."""
        return json.loads(self.bodies[request])


_cuts: Final = st.lists(st.integers(0, 100), max_size=4)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    # The one application is shown another file in each example.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(log=logs(), cuts=_cuts, other_cuts=_cuts)
def test_dialects_agree_on_any_history(empty_ledger: Served, log: Log, cuts: list[int], other_cuts: list[int]) -> None:
    """As written, once the file was closed and opened again, and in a file that is made of the same log again.

    Of entries that were fired and not deleted EASI'R says the latest state, Realtime Register the first read, and both
    the same where no unread was stated. NextInteract counts the entries with a fired, Suger lists openings by people
    that were not taken back, and Novu's jobs are as their attempts say.
    """
    truth = Truth(log)
    _issue_keys(empty_ledger)
    with tempfile.TemporaryDirectory() as folder:
        file, rebuilt = Path(folder, "live.duckdb"), Path(folder, "rebuilt.duckdb")
        with _showing(empty_ledger, file) as served:
            _put(served, log, cuts)
            told = _ask(served, truth)
        _check_read(told, truth)
        _check_sent(told, truth)
        _check_opens(told, truth)
        _check_jobs(told, truth)
        with _showing(empty_ledger, file) as served:
            assert _ask(served, truth) == told
        with _showing(empty_ledger, rebuilt) as served:
            _put(served, log, other_cuts)
            assert _ask(served, truth) == told


def _check_read(told: Told, truth: Truth) -> None:
    rows = {(row["id"], recipient): row for recipient in RECIPIENTS for row in told.of(f"easir {recipient}")["data"]}
    for entry, expected in truth.entries.items():
        row = rows[str(entry[0]), entry[1]]
        assert row["read"] == (row["read_at"] is not None) == expected["is_read"]
        if entry[1] != TENANT:
            continue
        answer = told.of(f"realtimeregister {entry[0]}")
        first = expected["first_read_at"]
        assert answer.get("readDate") == (first and seconds(first))
        if not expected["unread_count"]:
            assert row["read"] == ("readDate" in answer)
            assert row["read_at"] == (first and answer["readDate"].replace("T", " ").removesuffix("Z"))


def _check_sent(told: Told, truth: Truth) -> None:
    sent = told.of("nextinteract")
    assert sorted((row["message"], row["totalNotificationsSent"]) for row in sent) == truth.sent()


def _check_opens(told: Told, truth: Truth) -> None:
    opens = {
        row["eventID"]: sorted(((each.get("contactId"), each["timestamp"]) for each in row["trackEvents"]), key=str)
        for row in told.of("suger")["notificationEvents"]
    }
    assert opens == truth.opens()


def _check_jobs(told: Told, truth: Truth) -> None:
    for entry in truth.entries:
        jobs = [
            Job(job["type"], job["status"], tuple(detail["status"] for detail in job["executionDetails"]))
            for job in told.of(f"novu {truth.object_id(entry)}")["jobs"]
        ]
        assert sorted(jobs, key=str) == truth.jobs(entry)


def _issue_keys(served: Served) -> None:
    served.callers[secret_of(TENANT)] = Caller(Role.APPLICATION, TENANT, key_id="application")
    for recipient in RECIPIENTS:
        caller = Caller(Role.PERSON, TENANT, recipient, key_id=recipient)
        served.callers[secret_of(TENANT, user=recipient)] = caller


@contextmanager
def _showing(served: Served, path: Path) -> Iterator[Served]:
    """Have the application answer from the file, which is made if there is none, until the block ends."""
    with contextlib.closing(Model(path)) as model:
        served.model = model
        served.desk._reader = model.cursor
        yield served


def _put(served: Served, log: Sequence[Event], cuts: Sequence[int]) -> None:
    """Apply the log in as many transactions as the cuts make of it."""
    edges = sorted({0, len(log), *(cut % len(log) for cut in cuts)})
    for begin, end in pairwise(edges):
        served.put(*log[begin:end])


def _ask(served: Served, truth: Truth) -> Told:
    asked: dict[str, tuple[str, str, str | None]]
    asked = {f"easir {one}": ("easir", "/easir/notifications?per_page=100", one) for one in RECIPIENTS}
    asked["suger"] = ("suger", f"/suger/org/{TENANT}/notificationEvent?startDate={DAY}&endDate={DAY}", None)
    asked["nextinteract"] = ("nextinteract", "/nextinteract/rest/notification/sent?version=1&broadcastType=UN", None)
    for notification_id, recipient in truth.entries:
        object_id = truth.object_id((notification_id, recipient))
        asked[f"novu {object_id}"] = ("novu", f"/novu/v1/notifications/{object_id}", None)
        if recipient == TENANT:
            number = truth.number(notification_id)
            path = f"/realtimeregister/v2/customers/{TENANT}/notifications/{number}"
            asked[f"realtimeregister {notification_id}"] = ("realtimeregister", path, None)
    bodies = {}
    for name, (dialect, target, user) in asked.items():
        answer = served.client.get(target, headers=credential(dialect, tenant=TENANT, user=user))
        assert answer.status_code == 200, (name, answer.text)
        bodies[name] = answer.content
    return Told(bodies)
