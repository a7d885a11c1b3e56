import threading
import time
from typing import Any

from fastapi import APIRouter

from ledger_queries import Desk, Readiness, create_app, open_reading
from ledger_schemas.errors import QueryTooLong
from ledger_schemas.positions import Position
from tests.directories import OPEN

from .builder import Entry, Model, Notification, insert, numbered
from .conftest import Serve

ENDLESS = "SELECT count(*) FROM range(1000000000000) AS a"


def test_a_query_is_stopped_at_its_deadline_while_others_go_on(model: Model) -> None:
    """QueryTooLong says after how long; a reading that is open meanwhile answers as before."""
    insert(model, [Notification(numbered(1), entries=[Entry("ann")])])
    stopped: list[BaseException] = []

    def ask() -> None:
        try:
            with open_reading(model.cursor, 0.3) as reading:
                reading.rows(ENDLESS, {})
        except QueryTooLong as error:
            stopped.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    with open_reading(model.cursor, 30.0) as other:
        while asking.is_alive():
            assert other.rows("SELECT 1 AS one", {}) == [{"one": 1}]
            time.sleep(0.02)
    asking.join()
    assert ["0.3 s" in str(error) for error in stopped] == [True]


def test_a_reading_that_ends_in_time_is_never_interrupted(model: Model) -> None:
    """Its deadline is gone with it: the next reading of the same thread runs to its end."""
    for _ in range(50):
        with open_reading(model.cursor, 0.05) as reading:
            assert reading.rows("SELECT 1 AS one", {}) == [{"one": 1}]


def test_over_http_the_deadline_is_a_problem_that_may_be_tried_again(model: Model, serve: Serve) -> None:
    """The answer is 503 query_too_long, with Retry-After; the next question is answered."""
    desk = Desk(model.cursor, directory=OPEN, query_seconds_max=0.2)
    router = APIRouter()

    @router.get("/v1/operator/quarantine")
    async def endless() -> list[dict[str, Any]]:
        return await desk.read(lambda reading: reading.rows(ENDLESS, {}))

    ready = Readiness(ready=True, position=Position())
    client = serve(create_app(desk, readiness=lambda: ready, routers=[router]))
    answer = client.get("/v1/operator/quarantine")
    assert (answer.status_code, answer.json()["code"]) == (503, "query_too_long")
    assert answer.headers["Retry-After"] == "1"
    assert client.get("/v1/inbox", params={"tenant": "acme"}).status_code == 200
