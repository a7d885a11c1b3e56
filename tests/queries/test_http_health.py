"""The health routes over HTTP: live at once, ready when caught up and while no alarm loses facts."""

from __future__ import annotations

from dataclasses import replace

from ledger_queries import Desk, Readiness, create_app
from ledger_schemas.alarms import Alarm, AlarmCode
from ledger_schemas.positions import Position
from tests.directories import OPEN

from .builder import TOPIC, Model
from .conftest import LIVE, Serve, problem


def test_health_is_live_at_once_and_ready_when_caught_up(model: Model, serve: Serve) -> None:
    """Ready answers 503 with position and lag until the read model has caught up; live does not care."""
    now = Readiness(ready=False, position=Position({(TOPIC, 0): 5}), behind=12)
    client = serve(create_app(Desk(model.cursor, directory=OPEN), readiness=lambda: now))

    assert client.get("/health/live").status_code == 200
    behind = problem(client.get("/health/ready"))
    assert (behind["status"], behind["position"], behind["lag_events"]) == (503, f"{TOPIC}@0:5", 12)
    now = LIVE
    found = {"status": "ready", "position": f"{TOPIC}@0:5", "lag_events": 0}
    assert client.get("/health/ready").json() == {**found, "alarms": []}
    now = replace(LIVE, alarms=[Alarm(AlarmCode.DISK_LOW, "12 bytes free.", hint="Free more.")])
    alarm = {"code": "disk_low", "detail": "12 bytes free.", "hint": "Free more."}
    assert client.get("/health/ready").json() == {**found, "alarms": [alarm]}


def test_an_alarm_that_loses_facts_is_not_ready(model: Model, serve: Serve) -> None:
    """503 with what is lost and what mends it, though it has caught up; other alarms stand beside it."""
    low = Alarm(AlarmCode.DISK_LOW, "12 bytes free.", hint="Free more.")
    losing = Alarm(AlarmCode.TOPIC_SETTINGS, "Records are deleted.", hint="Set it back.", loses_facts=True)
    now = replace(LIVE, alarms=[low, losing])
    client = serve(create_app(Desk(model.cursor, directory=OPEN), readiness=lambda: now))
    response = client.get("/health/ready")
    found = problem(response)
    assert (found["status"], found["code"]) == (503, "log_loses_facts")
    assert (found["detail"], found["hint"]) == ("Records are deleted.", "Set it back.")
    assert [alarm["code"] for alarm in found["alarms"]] == ["disk_low", "topic_settings"]
    assert (found["position"], found["lag_events"]) == (f"{TOPIC}@0:5", 0)
