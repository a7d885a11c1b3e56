"""What the command line says to bad input: the error's code, its own exit code, and what to do; nothing is lost."""

import json
from pathlib import Path

import pytest

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
    assert (rebuilt["compared"], rebuilt["tables"]["notifications"]) == (False, 2)
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
