"""Keys as their users have them: issued and revoked on the command line, asked for by a ledger that runs."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from ledger_infra.paths import run_file
from ledger_infra.settings import environment_without_settings
from ledger_queries.access import RULES
from ledger_schemas import limits, new_id
from ledger_schemas.access import Role
from ledger_schemas.errors import BadRequest, NotFound, SettingInvalid, Unauthenticated
from tests.running import RunningLedger, json_of, processes_below, run_command

ANYWHERE: Final = {"NOTIFICATION_LEDGER_API_HOST": "0.0.0.0"}  # noqa: S104 - what needs a key
REVOCATION_SECONDS_MAX: Final = 5.0
GUIDE: Final = Path(__file__).parents[2] / "infra" / "guides" / "credentials.md"


def created(**changes: object) -> dict[str, object]:
    """Return a notification to ann."""
    return {
        "kind": "created",
        "event_id": str(new_id()),
        "tenant_id": "acme",
        "source": "shop",
        "audience": [{"recipient_id": "ann", "channels": ["email"]}],
        **changes,
    }


class Client:
    """Asks a ledger with a key, or without one."""

    def __init__(self, ledger: RunningLedger, credential: str | None = None) -> None:
        """Take whom to ask, and with what."""
        self._url = ledger.api_url
        self.key_id = "" if credential is None else credential.split("_")[1]
        self._headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}

    def status(self, path: str = "/v1/inbox", **parameters: str) -> int:
        """Return the status of a read."""
        return self._get(path, parameters).status_code

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """Return the answer to a read."""
        answer = self._get(path, parameters)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def emit(self, *events: dict[str, object]) -> httpx2.Response:
        """Put events through HTTP ingest."""
        return httpx2.post(f"{self._url}/v1/events", json=list(events), headers=self._headers, trust_env=False)

    def _get(self, path: str, parameters: dict[str, str]) -> httpx2.Response:
        return httpx2.get(f"{self._url}{path}", params=parameters, headers=self._headers, trust_env=False)

    def becomes(self, status: int) -> float:
        """Wait until a read has this status; return the seconds that it took."""
        began = time.monotonic()
        while self.status() != status:
            assert time.monotonic() - began < 2 * REVOCATION_SECONDS_MAX
            time.sleep(0.02)
        return time.monotonic() - began


def issue(ledger: RunningLedger, role: Role, *flags: str) -> dict[str, str]:
    """Issue a key and return what the command says of it."""
    found: dict[str, str] = json_of(ledger.run("keys", "issue", "--role", role, *flags, "--json"))
    return found


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLedger]:
    """Give a ledger with keys, and an event of acme in it that was emitted before the first key."""
    with RunningLedger(tmp_path_factory.mktemp("keys") / "data") as running:
        running.post(created())
        issue(running, Role.OPERATOR)
        Client(running).becomes(401)
        yield running


@pytest.fixture(scope="module")
def operator(ledger: RunningLedger) -> Client:
    """Give an operator."""
    client = Client(ledger, issue(ledger, Role.OPERATOR)["key"])
    client.becomes(400)  # It must name a tenant.
    return client


@pytest.fixture(scope="module")
def service(ledger: RunningLedger) -> Client:
    """Give a service of acme; its key is called by its id in what it emits."""
    key = issue(ledger, Role.SERVICE, "--tenant", "acme")
    client = Client(ledger, key["key"])
    client.becomes(403)
    return client


def test_without_a_key_only_loopback_is_bound(tmp_path: Path) -> None:
    """Any other address refuses to start, with the command that issues a key, and leaves no process behind."""
    ledger = RunningLedger(tmp_path / "data", extra_environment=ANYWHERE)
    refused = ledger.run("up")
    assert refused.returncode == SettingInvalid.exit_code
    for said in ("api_host", "notification-ledger keys issue"):
        assert said in refused.stderr
    assert not processes_below(tmp_path)
    json_of(ledger.run("keys", "issue", "--role", "operator", "--json"))
    with ledger:
        assert Client(ledger).status() == 401


def test_the_start_says_that_there_are_no_keys(ledger: RunningLedger) -> None:
    """Whoever starts it knows who may ask, and how to change that; with the first key it needed no restart."""
    said = ledger.log.read_text(encoding="utf-8")
    assert "Keys     none" in said
    assert "notification-ledger keys issue" in said


def test_a_key_is_shown_once_and_nowhere_else(ledger: RunningLedger) -> None:
    """One line on standard output; neither the list nor a file of the data directory has its secret."""
    issued = ledger.run("keys", "issue", "--role", "auditor", "--tenant", "acme", "--label", "the auditor")
    (credential,) = issued.stdout.splitlines()
    assert credential.startswith("nl_")
    assert credential not in issued.stderr
    secret = credential.split("_", 2)[2]
    assert secret not in ledger.run("keys", "list").stdout
    (row,) = [one for one in json_of(ledger.run("keys", "list", "--json"))["keys"] if one["label"] == "the auditor"]
    assert (row["role"], row["tenant"], row["state"]) == ("auditor", "acme", "holds")
    for path in ledger.data_dir.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    assert secret not in ledger.log.read_text(encoding="utf-8")


def test_a_revoked_key_is_refused_within_five_seconds(ledger: RunningLedger) -> None:
    """For good: revoking it again says so, and issuing another does not bring it back."""
    key = issue(ledger, Role.ANALYST, "--tenant", "acme")
    client = Client(ledger, key["key"])
    client.becomes(200)
    json_of(ledger.run("keys", "revoke", key["key_id"], "--json"))
    assert client.becomes(401) < REVOCATION_SECONDS_MAX
    assert json_of(ledger.run("keys", "revoke", key["key_id"], "--json"))["was_revoked_before"]
    (row,) = [one for one in json_of(ledger.run("keys", "list", "--json"))["keys"] if one["key_id"] == key["key_id"]]
    assert row["state"] == "revoked"


def test_a_key_expires(ledger: RunningLedger) -> None:
    """At its time, with nothing appended; a time that is past is refused."""
    at = datetime.now(UTC) + timedelta(seconds=8)
    key = issue(ledger, Role.ANALYST, "--tenant", "acme", "--expires-at", at.isoformat())
    client = Client(ledger, key["key"])
    client.becomes(200)
    time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
    assert client.status() == 401
    past = ledger.run("keys", "issue", "--role", "operator", "--expires-at", "2020-01-01T00:00:00Z")
    assert past.returncode == BadRequest.exit_code
    assert "expires_at" in past.stderr


def test_what_a_service_emits_is_its_tenants_and_its_own(service: Client, operator: Client) -> None:
    """The tenant may be left out, and the actor is the key, whatever the event says; an operator states it."""
    event = created(actor="somebody else")
    del event["tenant_id"]
    actors = []
    for answer in (service.emit(event), operator.emit(created(actor="somebody else"))):
        (receipt,) = answer.json()["receipts"]
        path = f"/v1/notifications/{receipt['notification_id']}"
        (told,) = operator.get(path, tenant="acme", at_least=receipt["position"])["timeline"]
        actors.append(told["actor"])
    assert actors == [service.key_id, "somebody else"]


def test_an_event_for_another_tenant_refuses_the_call(service: Client, operator: Client) -> None:
    """403 with the field, and nothing of the call is written, its own tenant's events neither."""
    before = operator.get("/v1/notifications/count", tenant="acme")["total"]
    refused = service.emit(created(), created(tenant_id="other"))
    assert (refused.status_code, refused.json()["field"]) == (403, "1.tenant_id")
    last = service.emit(created()).json()["position"]
    assert operator.get("/v1/notifications/count", tenant="acme", at_least=last)["total"] == before + 1
    assert operator.get("/v1/notifications/count", tenant="other", at_least=last)["total"] == 0


def test_the_commands_of_the_machine_need_no_key(ledger: RunningLedger) -> None:
    """The run file makes its reader the operator, and nobody but its user can read it; one's own key comes first."""
    assert json_of(ledger.run("count", "--tenant", "acme", "--json"))["total"] > 0
    assert "position" in json_of(ledger.run("quarantine", "list", "--json"))
    assert "path" in json_of(ledger.run("snapshot", "--json"))
    path = run_file(ledger.data_dir)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
    secret = json.loads(path.read_text(encoding="utf-8"))["operator_secret"]
    assert Client(ledger, secret).status("/v1/inbox", tenant="acme") == 200
    environment = ledger.environment() | {"NOTIFICATION_LEDGER_API_KEY": "nl_not_one"}
    refused = run_command("count", "--tenant", "acme", environment=environment)
    assert refused.returncode == Unauthenticated.exit_code
    elsewhere = environment_without_settings() | {"PATH": environment["PATH"]}
    stranger = run_command("count", "--tenant", "acme", "--url", ledger.api_url, environment=elsewhere)
    assert stranger.returncode == Unauthenticated.exit_code


def test_with_keys_the_credential_guards_instead_of_the_host(ledger: RunningLedger, operator: Client) -> None:
    """Any name may lead here; a write to the native API is JSON still."""
    key = issue(ledger, Role.SERVICE, "--tenant", "acme")
    Client(ledger, key["key"]).becomes(403)
    headers = {"Authorization": f"Bearer {key['key']}", "Host": "ledger.example.com"}
    assert httpx2.get(f"{ledger.api_url}/v1/inbox", headers=headers, trust_env=False).status_code == 403
    form = httpx2.post(f"{ledger.api_url}/v1/events", data={"a": "b"}, headers=headers, trust_env=False)
    assert (form.status_code, form.json()["field"]) == (400, "Content-Type")
    assert operator.status("/v1/inbox", tenant="acme") == 200


def test_the_secret_of_a_process_ends_with_it(tmp_path: Path) -> None:
    """The next one has another, and the keys that were issued hold on."""
    ledger = RunningLedger(tmp_path / "data")
    with ledger:
        secret = json.loads(run_file(ledger.data_dir).read_text(encoding="utf-8"))["operator_secret"]
        key = issue(ledger, Role.ANALYST, "--tenant", "acme")["key"]
    with ledger:
        assert Client(ledger, secret).status() == 401
        assert Client(ledger, key).status() == 200


def test_teams_and_tenants_are_kept(ledger: RunningLedger) -> None:
    """What was added and not removed is listed; more than one event takes goes in several; an unknown name is told."""
    many = [f"r-{number}" for number in range(limits.RECIPIENTS_PER_EVENT_MAX + 1)]
    json_of(ledger.run("teams", "add", "acme", "support", *many, "--json"))
    json_of(ledger.run("teams", "remove", "acme", "support", *many[2:], "--json"))
    assert json_of(ledger.run("teams", "list", "acme", "--json"))["teams"] == {"support": ["r-0", "r-1"]}
    json_of(ledger.run("tenants", "set", "acme", f"novu.environment_id={'a' * 24}", "--json"))
    assert json_of(ledger.run("tenants", "list", "--json"))["tenants"] == {"acme": {"novu.environment_id": "a" * 24}}
    for wrong in ("novu.environment_id=short", "colour=red", "no equals sign"):
        assert ledger.run("tenants", "set", "acme", wrong).returncode == BadRequest.exit_code
    assert ledger.run("keys", "revoke", "nobody").returncode == NotFound.exit_code


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        (("--role", "operator", "--tenant", "acme"), "tenant"),
        (("--role", "service"), "tenant"),
        (("--role", "person", "--tenant", "acme"), "recipient"),
        (("--role", "analyst", "--tenant", "acme", "--recipient", "ann"), "recipient"),
    ],
)
def test_a_wrong_combination_starts_nothing(tmp_path: Path, flags: tuple[str, ...], field: str) -> None:
    """The field is named, and no broker was started for it."""
    refused = RunningLedger(tmp_path / "data").run("keys", "issue", *flags)
    assert refused.returncode == BadRequest.exit_code
    assert refused.stderr.startswith(f"bad_request: {field}:")
    assert not (tmp_path / "data").exists()


def test_the_guide_has_every_route_with_its_roles() -> None:
    """The table of the guide is that of `access`."""
    lines = GUIDE.read_text(encoding="utf-8").splitlines()
    shown = {}
    for line in lines:
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == len(Role):
            method, path = name.strip("`").split(" ")
            shown[method, path] = {role for role, cell in zip(Role, cells, strict=True) if cell == "yes"}
    assert shown == {route: set(rule.roles) for route, rule in RULES.items()}
    assert [f"`{role}`" for role in Role] == [line.split("|")[1].strip() for line in lines if line[:3] == "| `"][:6]
