"""The commands around writer schemas and topics, as a person or a script runs them against a broker."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ledger_infra.broker.ports import free_ports
from ledger_infra.settings import environment_without_settings
from ledger_schemas import TopicSpec
from ledger_schemas.kinds import Kind
from ledger_schemas.schema_topic import binding_of
from ledger_schemas.shipped import current_schema, fingerprint_of_text, shipped_schemas
from ledger_schemas.topic import DIRECTORY_TOPIC, ensure_topic, schemas_topic_spec
from tests.conftest import Kafka
from tests.projectors.building import Raw, append_raw
from tests.projectors.decode.foreign_writer import WAIT_SECONDS, next_version
from tests.running import json_of, run_command

AHEAD = next_version(Kind.CREATED)


class Shell:
    """The command line over topics that nobody else uses."""

    def __init__(self, kafka: Kafka, topic_name: str) -> None:
        """Take where Kafka is and how the topics are called."""
        self.schemas_topic = f"{topic_name}.schemas"
        self._environment = environment_without_settings() | {
            "NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "NOTIFICATION_LEDGER_TOPIC": topic_name,
            "NOTIFICATION_LEDGER_SCHEMAS_TOPIC": self.schemas_topic,
        }

    def run(self, *arguments: str, **settings: str) -> CompletedProcess[str]:
        """Run a command, with these environment variables over those of the topics."""
        return run_command(*arguments, environment=self._environment | settings)


@pytest.fixture
def shell(kafka: Kafka, topic_name: str) -> Shell:
    """Give a command line whose topics are not there yet."""
    return Shell(kafka, topic_name)


@pytest.fixture
def ready_shell(kafka: Kafka, shell: Shell) -> Shell:
    """Give a command line whose schema topic is there, and empty."""
    asyncio.run(ensure_topic(kafka.connection, schemas_topic_spec(shell.schemas_topic)))
    return shell


def test_topic_makes_and_checks_every_topic(kafka: Kafka, topic_name: str, shell: Shell) -> None:
    """The schema topic and the directory's have one partition; a wrong one is named, with exit code 30."""
    missing = shell.run("topic")
    assert (missing.returncode, f"The topic {topic_name} does not exist" in missing.stderr) == (30, True)
    made = json_of(shell.run("topic", "--create", "--json"))["topics"]
    assert [(topic_name, 6, True), (shell.schemas_topic, 1, True), (DIRECTORY_TOPIC, 1, False)] == [
        (one["topic"], one["partitions"], one["made"]) for one in made
    ]
    again = shell.run("topic")
    assert f"{shell.schemas_topic}: as it should be, 1 partition." in again.stdout
    wrong = Shell(kafka, f"{topic_name}.wrong")
    asyncio.run(ensure_topic(kafka.connection, TopicSpec(wrong.schemas_topic, 2)))
    refused = wrong.run("topic", "--create")
    assert (refused.returncode, f"{wrong.schemas_topic} has 2 partitions, not 1" in refused.stderr) == (30, True)


def test_shipped_schemas_are_published_once_and_listed(ready_shell: Shell) -> None:
    """Before: shipped, not in the topic. After: in the topic. Publishing again finds nothing new."""
    before = json_of(ready_shell.run("schemas", "list", "--json"))["schemas"]
    assert [(kind.value, 1, False) for kind in Kind] == [(r["kind"], r["version"], r["in_topic"]) for r in before]
    published = json_of(ready_shell.run("schemas", "publish", "--json"))["published"]
    assert [binding_of(schema).key.decode() for schema in shipped_schemas().values()] == published
    assert json_of(ready_shell.run("schemas", "publish", "--json"))["published"] == []
    after = json_of(ready_shell.run("schemas", "list", "--json"))
    assert all(row["in_topic"] for row in after["schemas"])
    assert after["skipped"] == {}
    shown = ready_shell.run("schemas", "list").stdout
    assert "acknowledged" in shown
    assert current_schema(Kind.ACKNOWLEDGED).fingerprint.hex() in shown


def test_a_schema_of_ones_own_is_published_from_its_file(ready_shell: Shell, tmp_path: Path) -> None:
    """It is listed as a version that we do not ship, and shown as it was published, byte for byte."""
    file = tmp_path / "created.avsc"
    file.write_text(AHEAD.text, encoding="utf-8")
    key = AHEAD.fingerprint.hex()
    assert [key] == json_of(ready_shell.run("schemas", "publish", str(file), "--json"))["published"]
    last = json_of(ready_shell.run("schemas", "list", "--json"))["schemas"][-1]
    assert {"kind": "created", "version": None, "key": key, "in_topic": True} == last
    assert AHEAD.text == ready_shell.run("schemas", "show", key).stdout


def test_no_record_makes_the_list_fail(kafka: Kafka, ready_shell: Shell) -> None:
    """A kind of nobody's is listed as unknown; a schema that no decoder can be given is counted, by the reason."""
    document = current_schema(Kind.FIRED).document
    stranger = json.dumps(document | {"name": "NotificationTeleported"})
    nothings = {"name": "nothings", "type": {"type": "array", "items": "null"}, "default": []}
    unusable = json.dumps(document | {"fields": [*document["fields"], nothings]})
    records = [Raw(text.encode(), fingerprint_of_text(text).hex().encode()) for text in (stranger, unusable)]
    asyncio.run(append_raw(kafka.connection, ready_shell.schemas_topic, *records))
    listed = json_of(ready_shell.run("schemas", "list", "--json"))
    key = fingerprint_of_text(stranger).hex()
    assert {"kind": None, "version": None, "key": key, "in_topic": True} == listed["schemas"][-1]
    assert listed["skipped"] == {"unusable": 1}


def test_show_of_what_we_ship_needs_no_broker() -> None:
    """By kind, by kind and version, by key: the .avsc as it lies in the distribution."""
    created = current_schema(Kind.CREATED)
    for arguments in (("created",), ("created", "--version", "1"), (created.fingerprint.hex(),)):
        assert created.text == run_command("schemas", "show", *arguments).stdout


def test_each_refusal_has_its_exit_code_and_names_the_next_step(ready_shell: Shell, tmp_path: Path) -> None:
    """A wrong file, a kind of nobody's, a key of nobody's, a missing version, a missing topic, no broker."""
    no_schema, stranger = tmp_path / "no.avsc", tmp_path / "stranger.avsc"
    no_schema.write_text("{", encoding="utf-8")
    document = current_schema(Kind.FIRED).document | {"name": "NotificationTeleported"}
    stranger.write_text(json.dumps(document), encoding="utf-8")
    for arguments, exit_code, code in (
        (("publish", str(no_schema)), 9, "schema_unusable"),
        (("publish", str(stranger)), 9, "kind_unknown"),
        (("publish", str(tmp_path / "none.avsc")), 3, "setting_invalid"),
        (("show", "teleported"), 3, "setting_invalid"),
        (("show", "0" * 16), 8, "not_found"),
        (("show", "created", "--version", "99"), 8, "not_found"),
        (("list", "--bootstrap-servers", "127.0.0.1:1"), 11, "broker_unavailable"),
    ):
        refused = ready_shell.run("schemas", *arguments)
        assert (exit_code, True) == (refused.returncode, refused.stderr.startswith(f"{code}: ")), arguments
        assert len(refused.stderr.splitlines()) > 1, arguments
        assert refused.stdout == ""


def test_without_its_topic_a_command_says_how_to_make_it(shell: Shell) -> None:
    """Neither listing nor publishing makes the topic by the way."""
    for command in ("list", "publish"):
        refused = shell.run("schemas", command)
        assert (refused.returncode, "notification-ledger topic --create" in refused.stderr) == (30, True)


def test_a_rebuild_never_asks_the_registry(kafka: Kafka, topic_name: str, shell: Shell, tmp_path: Path) -> None:
    """The topic has all that a replay needs: an id that it does not bind is schema_unknown, be the registry gone."""
    json_of(shell.run("topic", "--create", "--json"))
    asyncio.run(append_raw(kafka.connection, topic_name, Raw(b"\0\0\0\0\7" + b"\0" * 40, b"key")))
    rebuilt = shell.run(
        "rebuild",
        "--json",
        "--data-dir",
        str(tmp_path),
        NOTIFICATION_LEDGER_SCHEMA_WAIT_SECONDS=str(WAIT_SECONDS),
        NOTIFICATION_LEDGER_SCHEMA_REGISTRY_URL=f"http://127.0.0.1:{free_ports(1)[0]}",
    )
    assert json_of(rebuilt)["tables"]["quarantine"] == 1
