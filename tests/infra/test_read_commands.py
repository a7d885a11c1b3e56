from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import duckdb
import httpx2
import pytest
import typer
import uvicorn
from typer.testing import CliRunner, Result

from ledger_infra.cli import read_commands
from ledger_infra.paths import read_model_path, run_file
from ledger_queries import Desk, Readiness, create_app
from ledger_schemas.errors import (
    ApiUnavailable,
    BadRequest,
    CursorInvalid,
    DataDirectoryInUse,
    LedgerError,
    NotFound,
    PositionInvalid,
    ReadModelBehind,
    SettingInvalid,
)
from ledger_schemas.positions import Position
from tests.directories import OPEN
from tests.queries import builder

START_SECONDS = 10.0


def run(*arguments: str) -> Result:
    """Run one of the commands; what it raises is in the result."""
    app = typer.Typer()
    read_commands.register(app)
    return CliRunner().invoke(app, arguments)


def error_of(result: Result) -> LedgerError:
    """Return the ledger's error that the command ended with."""
    assert isinstance(result.exception, LedgerError), result.output
    return result.exception


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Give a data directory whose read model holds five notifications; nobody has it open."""
    with closing(builder.Model(read_model_path(tmp_path))) as model:
        builder.insert(
            model,
            [
                builder.Notification(
                    builder.numbered(number),
                    listed_at=builder.at(number),
                    entries=[
                        builder.Entry("ann", [builder.Sent("email")], reached=["read"] if number == 1 else ()),
                        builder.Entry("bob"),
                    ],
                    content={"personal": {"title": f"Bill {number}", "data": '{"n": 1}'}},
                )
                for number in range(1, 6)
            ],
        )
        builder.move_to(model, 50)
    return tmp_path


@contextmanager
def serving(data_dir: Path) -> Iterator[str]:
    """Serve the API over the data directory's read model and give its URL."""
    with duckdb.connect(read_model_path(data_dir)) as connection:
        app = create_app(
            Desk(connection.cursor, directory=OPEN), readiness=lambda: Readiness(ready=True, position=Position())
        )
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)


def leave_note(data_dir: Path, api_url: str) -> None:
    """Leave what a running ledger leaves."""
    note = {"pid": os.getpid(), "api_url": api_url, "bootstrap_servers": "127.0.0.1:1", "topic": "t"}
    run_file(data_dir).write_text(json.dumps(note), encoding="utf-8")


def closed_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


QUESTIONS = (
    ("/v1/notifications?tenant=acme&limit=2", ("list", "--tenant", "acme", "--limit", "2")),
    (
        (
            "/v1/inbox?tenant=acme&recipient=ann&channel=email&read=false&not_reached=read&not_reached=opened"
            "&created_from=2026-01-02T12:00:02Z&created_before=2026-01-02T12:00:04Z"
        ),
        (
            *("list", "--tenant", "acme", "--grain", "inbox_entry", "--recipient", "ann", "--channel", "email"),
            *("--not-read", "--not-reached", "read", "--not-reached", "opened"),
            *("--created-from", "2026-01-02T12:00:02Z", "--created-before", "2026-01-02T12:00:04Z"),
        ),
    ),
    ("/v1/deliveries?tenant=acme&limit=1", ("list", "--tenant", "acme", "--grain", "delivery", "--limit", "1")),
    (
        "/v1/inbox/count?tenant=acme&read=false&group_by=recipient",
        ("count", "--tenant", "acme", "--grain", "inbox_entry", "--not-read", "--group-by", "recipient"),
    ),
    (
        "/v1/inbox/count?tenant=acme&seen=true&archived=false&snoozed=false&deleted=false",
        (
            *("count", "--tenant", "acme", "--grain", "inbox_entry", "--seen"),
            *("--not-archived", "--not-snoozed", "--not-deleted"),
        ),
    ),
    (
        "/v1/inbox/badge?tenant=acme&recipient=ann",
        ("badge", "--tenant", "acme", "--recipient", "ann"),
    ),
    (
        "/v1/inbox?tenant=acme&sort=-number,listed_at&limit=2&offset=1&total=true&number=3&tag=a",
        (
            *("list", "--tenant", "acme", "--grain", "inbox_entry", "--sort", "-number,listed_at", "--limit", "2"),
            *("--offset", "1", "--total", "--where", "number=3", "--where", "tag=a"),
        ),
    ),
    (
        "/v1/inbox/count?tenant=acme&due_from=2026-01-02T12:00:02Z&external_id=a&external_id=b",
        (
            *("count", "--tenant", "acme", "--grain", "inbox_entry", "--where", "due_from=2026-01-02T12:00:02Z"),
            *("--where", "external_id=a", "--where", "external_id=b"),
        ),
    ),
    ("/v1/notifications/count?tenant=acme&reached=created", ("count", "--tenant", "acme", "--reached", "created")),
    (f"/v1/notifications/{builder.numbered(1)}?tenant=acme", ("get", str(builder.numbered(1)), "--tenant", "acme")),
)


def test_json_is_the_body_of_the_http_answer_wherever_it_comes_from(data_dir: Path) -> None:
    """For each question: the API's body, `--json` over the API, and `--json` from the file are the same bytes."""
    from_file = [run(*command, "--data-dir", str(data_dir), "--json").stdout for _, command in QUESTIONS]
    with serving(data_dir) as url:
        over_api = [run(*command, "--url", url, "--json").stdout for _, command in QUESTIONS]
        bodies = [httpx2.get(url + path, trust_env=False).text for path, _ in QUESTIONS]
    assert [f"{body}\n" for body in bodies] == over_api
    assert over_api == from_file
    assert all('"position":"test.v1@0:50"' in body for body in bodies)
    assert [len(json.loads(body)["rows"]) for body in bodies[:3]] == [2, 2, 1]


@pytest.mark.parametrize("where", ["type", "nothing=1", "=1", "number=1 number=2", "number=x", "data_path=$.a"])
def test_a_condition_that_cannot_be_asked_is_refused(data_dir: Path, where: str) -> None:
    """One that there is not, one without a value, a single one twice, a wrong value: BadRequest says what to do."""
    given = [part for condition in where.split(" ") for part in ("--where", condition)]
    refused = run("list", "--tenant", "acme", *given, "--data-dir", str(data_dir))
    assert isinstance(refused.exception, BadRequest)
    assert refused.exception.hint


def test_tables_show_the_rows_and_the_position(data_dir: Path) -> None:
    """For people: rows newest first, the cursor of the next page, and the position below."""
    listed = run("list", "--tenant", "acme", "--limit", "2", "--data-dir", str(data_dir))
    lines = listed.stdout.splitlines()
    assert listed.exit_code == 0
    assert [line.split("│")[3].strip() for line in lines if "Bill" in line] == ["Bill 5", "Bill 4"]
    assert lines[-3] == "2 rows"
    assert lines[-2].startswith("more: --cursor ")
    assert lines[-1] == "position: test.v1@0:50"

    cursor = lines[-2].removeprefix("more: --cursor ")
    following = run("list", "--tenant", "acme", "--limit", "3", "--cursor", cursor, "--data-dir", str(data_dir))
    assert [line.split("│")[3].strip() for line in following.stdout.splitlines() if "Bill" in line] == [
        "Bill 3",
        "Bill 2",
        "Bill 1",
    ]
    assert "more:" not in following.stdout


def test_the_leap_second_in_a_filter_is_the_next_second_from_the_file_and_over_the_api(data_dir: Path) -> None:
    """`--created-from` and `--created-before` read times as events have them; any other second 60 is refused."""
    with closing(builder.Model(read_model_path(data_dir))) as model:
        new_year = datetime(2017, 1, 1, tzinfo=UTC)
        builder.insert(model, [builder.Notification(builder.numbered(9), tenant="year", listed_at=new_year)])
    counted = ("count", "--tenant", "year", "--json", "--created-from")
    refused = ("list", "--tenant", "year", "--created-before", "2016-12-31T23:58:60Z")
    with serving(data_dir) as url:
        over_api = [run(*counted, text, "--url", url) for text in ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60.5Z")]
        assert isinstance(error_of(run(*refused, "--url", url)), BadRequest)
    from_file = run(*counted, "2017-01-01T00:59:60+01:00", "--data-dir", str(data_dir))
    assert [json.loads(result.output)["total"] for result in (*over_api, from_file)] == [1, 0, 1]
    assert error_of(run(*refused, "--data-dir", str(data_dir))).field == "created_before"


def test_count_and_get_show_their_numbers_and_the_position(data_dir: Path) -> None:
    """Counts show each group and the total with its grain, a badge each shelf; get shows what is below."""
    counted = run(
        *("count", "--tenant", "acme", "--grain", "inbox_entry", "--not-read", "--group-by", "recipient"),
        *("--data-dir", str(data_dir)),
    ).stdout
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in counted.splitlines() if line.startswith("│")]
    assert cells == [["bob", "5"], ["ann", "4"]]
    assert counted.endswith("9 rows of grain inbox_entry\nposition: test.v1@0:50\n")

    badge = run("badge", "--tenant", "acme", "--recipient", "ann", "--data-dir", str(data_dir)).stdout
    (inbox,) = [line for line in badge.splitlines() if "inbox" in line and "│" in line]
    assert [cell.strip() for cell in inbox.split("│")[1:-1]] == ["inbox", "5", "4", "4", "5"]
    assert badge.endswith("4 unread in the inbox\nposition: test.v1@0:50\n")

    shown = run("get", str(builder.numbered(1)), "--tenant", "acme", "--data-dir", str(data_dir)).stdout
    assert "2, of them read 1" in shown
    assert "Bill 1" in shown
    assert shown.endswith("2 events\n0 duplicates\nposition: test.v1@0:50\n")


def test_all_follows_every_page_into_one_document(data_dir: Path) -> None:
    """--all gives all rows as one document without a cursor; how far it is goes to standard error only."""
    result = run("list", "--tenant", "acme", "--limit", "2", "--all", "--json", "--data-dir", str(data_dir))
    document = json.loads(result.stdout)
    assert [f"Bill {number}" for number in (5, 4, 3, 2, 1)] == [row["title"] for row in document["rows"]]
    assert (document["next"], document["position"]) == (None, "test.v1@0:50")
    assert result.stderr == "2 rows\n4 rows\n"


def test_a_running_api_is_found_by_the_note_that_it_left(data_dir: Path) -> None:
    """Without --url, the commands ask the API of the process that has the data directory."""
    with serving(data_dir) as url:
        leave_note(data_dir, url)
        result = run("count", "--tenant", "acme", "--data-dir", str(data_dir), "--json")
    assert json.loads(result.stdout)["total"] == 5


def test_a_note_that_outlived_its_api_does_not_keep_the_file_from_being_read(data_dir: Path) -> None:
    """When nothing answers at the address in the note, the file is read, if nobody has it."""
    leave_note(data_dir, f"http://127.0.0.1:{closed_port()}")
    assert json.loads(run("count", "--tenant", "acme", "--data-dir", str(data_dir), "--json").stdout)["total"] == 5


def test_a_file_that_another_process_has_is_refused(data_dir: Path) -> None:
    """DuckDB lets one process have a file: the command says so, and what to ask instead."""
    script = (
        f"import duckdb; c = duckdb.connect({str(read_model_path(data_dir))!r}); print('open', flush=True); input()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        refused = error_of(run("count", "--tenant", "acme", "--data-dir", str(data_dir)))
        holder.communicate(b"\n")
    assert isinstance(refused, DataDirectoryInUse)
    assert "--url" in refused.hint


def test_an_empty_data_directory_says_how_to_begin(tmp_path: Path) -> None:
    """Nothing there: the error names the file that was looked for and the command that makes it."""
    refused = error_of(run("list", "--tenant", "acme", "--data-dir", str(tmp_path / "nowhere")))
    assert isinstance(refused, SettingInvalid)
    assert "read_model.duckdb" in refused.message
    assert "notification-ledger up" in refused.hint
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("content", ["text", "other tables"])
def test_a_file_that_is_no_read_model_is_refused(tmp_path: Path, content: str) -> None:
    """A file of another kind, and a DuckDB file of somebody else, are refused alike."""
    path = read_model_path(tmp_path)
    if content == "text":
        path.write_text("not a database " * 1_000, encoding="utf-8")
    else:
        with duckdb.connect(path) as connection:
            connection.execute("CREATE TABLE notes (note VARCHAR)")
    refused = error_of(run("list", "--tenant", "acme", "--data-dir", str(tmp_path)))
    assert isinstance(refused, SettingInvalid)
    assert "not a read model" in refused.message


def test_a_url_that_nothing_answers_at_is_api_unavailable(data_dir: Path) -> None:
    """An API that was asked for by name is never replaced by the file."""
    refused = error_of(
        run("list", "--tenant", "acme", "--url", f"http://127.0.0.1:{closed_port()}", "--data-dir", str(data_dir))
    )
    assert isinstance(refused, ApiUnavailable)


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "http://", "ftp://127.0.0.1", "http://127.0.0.1:99999"])
def test_a_url_that_is_none_is_refused(data_dir: Path, url: str) -> None:
    """A misspelt URL ends as an error of the ledger, not as a traceback of its HTTP client."""
    refused = error_of(run("list", "--tenant", "acme", "--url", url, "--data-dir", str(data_dir)))
    assert isinstance(refused, SettingInvalid | ApiUnavailable)


class _SomethingElse(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if "count" in self.path else 404)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("command", [("count",), ("list",), ("get", str(builder.numbered(1)))])
def test_a_server_of_something_else_is_recognised(command: tuple[str, ...]) -> None:
    """Whatever else answers at the URL, with whatever status, is named as not being the ledger's API."""
    with HTTPServer(("127.0.0.1", 0), _SomethingElse) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            refused = error_of(run(*command, "--tenant", "acme", "--url", f"http://127.0.0.1:{server.server_port}"))
        finally:
            server.shutdown()
            thread.join()
    assert isinstance(refused, ApiUnavailable)
    assert "not this ledger's API" in refused.message


@pytest.mark.parametrize(
    ("expected", "command"),
    [
        (NotFound, ("get", str(builder.numbered(77)), "--tenant", "acme")),
        (NotFound, ("get", str(builder.numbered(1)), "--tenant", "other")),
        (BadRequest, ("get", "bill-1", "--tenant", "acme")),
        (BadRequest, ("list", "--tenant", "")),
        (BadRequest, ("list", "--tenant", "acme", "--limit", "0")),
        (BadRequest, ("list", "--tenant", "acme", "--read")),
        (BadRequest, ("count", "--tenant", "acme", "--created-from", "yesterday")),
        (BadRequest, ("count", "--tenant", "acme", "--grain", "delivery", "--reached", "created")),
        (CursorInvalid, ("list", "--tenant", "acme", "--cursor", "broken")),
        (PositionInvalid, ("list", "--tenant", "acme", "--at-least", "soon")),
        (PositionInvalid, ("list", "--tenant", "acme", "--at-least", "test.v1@6:1")),
        (PositionInvalid, ("count", "--tenant", "acme", "--at-least", "another.v1@0:1")),
        (ReadModelBehind, ("count", "--tenant", "acme", "--at-least", "test.v1@0:51", "--wait-seconds", "0")),
    ],
)
def test_an_error_is_the_same_over_the_api_and_from_the_file(
    data_dir: Path, expected: type[LedgerError], command: tuple[str, ...]
) -> None:
    """A script can rely on the exit code, the message and the hint, wherever the answer would have come from."""
    from_file = error_of(run(*command, "--data-dir", str(data_dir)))
    with serving(data_dir) as url:
        over_api = error_of(run(*command, "--url", url))
    assert type(from_file) is expected
    assert (type(from_file), vars(from_file)) == (type(over_api), vars(over_api))
    assert from_file.hint


def test_a_title_cannot_steer_the_terminal(data_dir: Path) -> None:
    """Escape sequences, direction marks and markup in foreign text are shown, not obeyed."""
    with closing(builder.Model(read_model_path(data_dir))) as model:
        builder.insert(
            model,
            [
                builder.Notification(
                    builder.numbered(9),
                    listed_at=builder.at(9),
                    content={"personal": {"title": "\x1b[31m\u202e[bold]Evil[/bold]"}},
                )
            ],
        )
    shown = run("list", "--tenant", "acme", "--limit", "1", "--data-dir", str(data_dir)).stdout
    assert "[bold]Evil[/bold]" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
