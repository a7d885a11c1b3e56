"""What the command line says to bad input: the error's code, its own exit code, and what to do; nothing is lost."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger_infra.cli.write_commands import parse_lines
from ledger_infra.settings import environment_without_settings
from ledger_schemas.errors import (
    BadRequest,
    BrokerUnavailable,
    ContractViolation,
    LedgerError,
    NotFound,
    ReadModelUnusable,
    SettingInvalid,
)
from tests.running import RunningLedger, json_of, run_command

NOWHERE = "127.0.0.1:1"
WRONG_CALL = 2
EVENT = json.dumps({"kind": "created", "tenant_id": "acme", "source": "shop"})


@pytest.mark.parametrize(
    ("arguments", "error", "shown"),
    [
        (["up", "--bootstrap-servers", NOWHERE], BrokerUnavailable, "NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS"),
        (["topic", "--bootstrap-servers", NOWHERE], BrokerUnavailable, NOWHERE),
        (["emit", EVENT, "--bootstrap-servers", NOWHERE], BrokerUnavailable, NOWHERE),
        (["topic"], SettingInvalid, "--bootstrap-servers"),
        (["topic", "--bootstrap-servers", "host:port"], SettingInvalid, "from 1 to 65535"),
        (["projector", "--bootstrap-servers", "nonsense"], SettingInvalid, "must be `host:port`"),
        (["emit", EVENT], SettingInvalid, "notification-ledger up"),
        (["emit", "no-such-file"], SettingInvalid, "no-such-file"),
        (["emit", '{"kind": "created"}'], ContractViolation, "tenant_id"),
        (
            ["emit", '{"kind": "created", "kind": "read"}'],
            ContractViolation,
            "Line 1: kind: stands twice",
        ),
        (
            ["emit", EVENT.replace("}", ', "number": 9007199254740992}')],
            ContractViolation,
            "NUMBER_MAX = 9007199254740991",
        ),
        (["emit", '{"kind": "created", "number": NaN}'], ContractViolation, "Line 1: event: must be one JSON document"),
        (["emit", '{"kind": "sent", "tenant_id": "acme"}'], ContractViolation, "must be one of created, fired"),
        (["list", "--tenant", "acme"], SettingInvalid, "notification-ledger up"),
        (["get", "not-an-id", "--tenant", "acme"], BadRequest, "notification_id"),
        (["snapshot"], NotFound, "notification-ledger up"),
        (["broker", "--broker-port", "99999"], SettingInvalid, "NOTIFICATION_LEDGER_BROKER_PORT"),
    ],
)
def test_each_has_its_exit_code_and_says_what_to_do(
    tmp_path: Path, arguments: list[str], error: type[LedgerError], shown: str
) -> None:
    """The code of the error, what was wrong and the next step are on standard error, without a traceback."""
    environment = environment_without_settings() | {"NOTIFICATION_LEDGER_DATA_DIR": str(tmp_path)}
    refused = run_command(*arguments, environment=environment)
    assert refused.returncode == error.exit_code
    assert f"{error.code}: " in refused.stderr
    assert shown in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize("inside", ["\u0085", "\u2028", "\u2029"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_only_a_line_feed_ends_a_line_of_emit(inside: str, end: str) -> None:
    """What else may end a line of text stands in a JSON text as it is: the event keeps it, and the count goes on."""
    title = f"one{inside}two"
    event = json.dumps(json.loads(EVENT) | {"personal": {"title": title}}, ensure_ascii=False)
    parsed = parse_lines(end.join([event, "", event, ""]))
    assert [title, title] == [each.personal and each.personal.title for each in parsed]
    with pytest.raises(ContractViolation, match=r"^Line 3: tenant_id: "):
        parse_lines(end.join([event, " ", '{"kind": "created"}', event]))


def test_emit_reads_the_leap_second_as_the_next_one() -> None:
    """And refuses any other second 60, on its line."""
    created = json.loads(EVENT)
    (event,) = parse_lines(json.dumps(created | {"occurred_at": "2016-12-31T23:59:60Z"}))
    assert event.occurred_at == datetime(2017, 1, 1, tzinfo=UTC)
    with pytest.raises(ContractViolation, match=r"^Line 1: occurred_at: must not have a second 60"):
        parse_lines(json.dumps(created | {"occurred_at": "2016-12-31T23:58:60Z"}))


def test_a_name_given_twice_is_told_of_its_line() -> None:
    """The line, the place of the name in its event, and the name."""
    twice = '{"kind": "created", "personal": {"title": "a", "title": "b"}}'
    with pytest.raises(ContractViolation, match=r"^Line 2: title: stands twice"):
        parse_lines(f"{EVENT}\n{twice}\n{EVENT}")


def test_what_json_does_not_allow_in_a_text_is_told_of_its_line() -> None:
    """Vertical tab, form feed and the separators below U+0020 must be escaped in JSON: refused, on their own line."""
    for inside in "\x0b\x0c\x1c\x1d\x1e\r":
        raw = EVENT.replace("acme", f"ac{inside}me")
        with pytest.raises(ContractViolation, match=r"^Line 2: "):
            parse_lines(f"{EVENT}\n{raw}\n{EVENT}")


def test_a_file_of_events_is_read_as_it_is(tmp_path: Path) -> None:
    """White space of JSON inside an event, a lone carriage return too, and separators in a text: one event a line."""
    spread = EVENT.replace(", ", ",\r").replace("acme", "ac\u2028me")
    file = tmp_path / "events.jsonl"
    file.write_bytes(f'{spread}\r\n{spread}\n{{"kind": "created"}}'.encode())
    for arguments, stdin in ((str(file), None), ("-", file.read_bytes().decode())):
        refused = run_command("emit", arguments, "--bootstrap-servers", NOWHERE, stdin=stdin)
        assert refused.returncode == ContractViolation.exit_code
        assert "Line 3: tenant_id: " in refused.stderr


@pytest.mark.parametrize("arguments", [["no-such-command"], ["list"], ["demo", "--notifications", "five"]])
def test_a_wrong_call_is_explained(arguments: list[str]) -> None:
    """A call that the command line cannot take ends with 2 and points to --help."""
    refused = run_command(*arguments)
    assert refused.returncode == WRONG_CALL
    assert "--help" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("command", ["up", "projector", "rebuild", "broker", "demo"])
def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path, command: str) -> None:
    """A path below a file is no directory: setting_invalid, with the path and the flag."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    refused = run_command(command, "--data-dir", str(tmp_path / "file" / "data"))
    assert refused.returncode == SettingInvalid.exit_code
    assert str(tmp_path / "file" / "data") in refused.stderr
    assert "--data-dir" in refused.stderr


def test_a_misspelt_setting_is_found() -> None:
    """A variable with our prefix that is no setting is refused, and the nearest setting is named."""
    environment = environment_without_settings() | {"NOTIFICATION_LEDGER_API_PROT": "8081"}
    refused = run_command("settings", environment=environment)
    assert refused.returncode == SettingInvalid.exit_code
    assert "Did you mean NOTIFICATION_LEDGER_API_PORT?" in refused.stderr


def test_a_damaged_read_model_is_rebuilt_from_the_log(tmp_path: Path) -> None:
    """`up` refuses a file that is none and says how to mend it; `rebuild` does, and keeps the damaged file."""
    ledger = RunningLedger(tmp_path / "data")
    with ledger:
        ledger.post(json.loads(EVENT), json.loads(EVENT))
    model = ledger.data_dir / "read_model.duckdb"
    model.write_bytes(b"not a database")
    refused = ledger.run("up")
    assert refused.returncode == ReadModelUnusable.exit_code
    assert "notification-ledger rebuild" in refused.stderr
    rebuilt = json_of(ledger.run("rebuild", "--json"))
    assert (rebuilt["compared"], rebuilt["tables"]["notification_rows"]) == (False, 2)
    assert Path(str(rebuilt["kept"])).read_bytes() == b"not a database"
    assert json_of(ledger.run("count", "--tenant", "acme", "--json"))["total"] == 2


def test_a_rebuild_of_a_good_file_is_equal_and_swapped(tmp_path: Path) -> None:
    """`rebuild` finds the same digest, keeps the old file, and the ledger goes on with the new one."""
    ledger = RunningLedger(tmp_path / "data")
    with ledger:
        ledger.get("/v1/notifications", tenant="acme", at_least=ledger.post(json.loads(EVENT)))
    checked = json_of(ledger.run("rebuild", "--check", "--json"))
    rebuilt = json_of(ledger.run("rebuild", "--json"))
    assert (checked["equal"], checked["kept"]) == (True, None)
    assert (rebuilt["equal"], rebuilt["digest"]) == (True, checked["digest"])
    assert Path(str(rebuilt["kept"])).exists()
    with ledger:
        ledger.post(json.loads(EVENT))
