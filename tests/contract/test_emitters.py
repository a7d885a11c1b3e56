"""The emitters of the guide run as they are shown, and a projector applies what they emit."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger_infra.contract.examples import example_event
from ledger_projectors.decode.awaited_schemas import AwaitedSchemas
from ledger_projectors.progress import Progress
from ledger_projectors.projector import Projector
from ledger_projectors.store.read_model import ReadModel
from ledger_schemas import Event, TopicSpec, decode_event
from ledger_schemas.kinds import Kind
from ledger_schemas.schema_store import SchemaStore
from ledger_schemas.shipped import schema_text, shipped_schemas, writer_schema
from ledger_schemas.topic import ensure_topic, schemas_topic_spec
from tests.conftest import Kafka
from tests.faults.the_log import read_records
from tests.projectors.building import rows, source_of
from tests.quick_brokers import environment_of_other_javas

from .places import AVSC_FOLDER, EMITTERS, GUIDE, tool_cache

EMIT_TIMEOUT_SECONDS = 240
"""A first run of Maven downloads 32 MB."""

SCHEMA_WAIT_SECONDS = 1
"""How long an unknown schema is waited for: nobody publishes one meanwhile."""

ALONE = """
import runpy
import sys


class NotHere:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("ledger_"):
            raise ModuleNotFoundError(name, name=name)


sys.meta_path.insert(0, NotHere())
runpy.run_path(sys.argv.pop(1), run_name="__main__")
assert not [name for name in sys.modules if name.startswith("ledger_")]
"""
"""Runs a script in a Python that has no package of ours."""

NEED = {"java": ("mvn", "javac"), "shell": ("kcat", "xxd")}


@pytest.fixture
def topic(kafka: Kafka, topic_name: str) -> TopicSpec:
    """Give an empty lifecycle topic."""
    topic = TopicSpec(topic_name)
    asyncio.run(ensure_topic(kafka.connection, topic))
    return topic


@pytest.fixture
def avsc_folder(tmp_path: Path) -> Path:
    """Give the published schemas in a folder with nothing else of ours around."""
    return Path(shutil.copytree(AVSC_FOLDER, tmp_path / "avro"))


def run(*command: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> None:
    """Run an emitter; it says nothing when all went well."""
    finished = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment_of_other_javas() | (environment or {}),
        capture_output=True,
        text=True,
        timeout=EMIT_TIMEOUT_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"


def skip_without(language: str) -> None:
    """Skip where the tools of a language are not installed."""
    missing = [tool for tool in NEED[language] if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed (Debian: maven, default-jdk, kcat, xxd)")


def deliveries(
    kafka: Kafka, topic: TopicSpec, file: Path, schemas_topic: TopicSpec | None = None
) -> tuple[Progress, list[tuple[object, ...]]]:
    """Run a projector over the whole topic into a new read model; it knows the schemas of the schema topic.

    Returns how far it came, and (recipient, channel, delivered) of each delivery.
    """

    async def project(model: ReadModel) -> Progress:
        async with (
            SchemaStore(kafka.connection, schemas_topic) as store,
            source_of(kafka.connection, model) as source,
        ):
            schemas = AwaitedSchemas(store, SCHEMA_WAIT_SECONDS)
            projector = Projector(model, source, schemas=schemas, until=await source.end())
            await projector.run()
            return projector.progress()

    with ReadModel.create_or_open(file, topic=topic.name, partitions=topic.partitions) as model:
        progress = asyncio.run(project(model))
        return progress, rows(model, "SELECT recipient_id, channel, delivered_count FROM deliveries ORDER BY ALL")


def check_applied(kafka: Kafka, topic: TopicSpec, file: Path, *, duplicates: int = 0) -> None:
    """Check that a projector applies all that a topic holds, and that ann has it by email, once."""
    progress, delivered = deliveries(kafka, topic, file)
    assert (progress.duplicates, progress.quarantined) == (duplicates, 0)
    assert progress.applied == len(read_records(kafka.connection, topic)) - duplicates
    assert delivered == [("ann", "email", 1)]


def stated(kafka: Kafka, topic: TopicSpec) -> list[Event]:
    """Return the events of a topic by kind; each keeps every rule of the models."""
    events = [decode_event(record.value or b"") for record in read_records(kafka.connection, topic)]
    return sorted(events, key=lambda event: event.kind)


def check_parcel(events: list[Event]) -> None:
    """Check that it is what each emitter states: created and delivered, with new ids of their own time."""
    created, delivered = events
    assert (created.kind, delivered.kind) == (Kind.CREATED, Kind.DELIVERED)
    assert created.notification_id == delivered.notification_id
    for event in events:
        assert event.event_id.version == 7
        # Our own emitter derives it from the event id: a UUIDv8 with the same time in front.
        assert event.notification_id.version in {7, 8}
        for made in (event.event_id, event.notification_id):
            at = datetime.fromtimestamp((made.int >> 80) / 1_000, UTC)
            assert abs(at - event.occurred_at) < timedelta(minutes=1)


def test_a_service_with_nothing_but_the_avsc_files_and_a_kafka_client_emits_events_that_are_applied(
    kafka: Kafka, topic: TopicSpec, avsc_folder: Path, tmp_path: Path
) -> None:
    """The Python of the guide runs where no package of ours can be imported, and reads the .avsc files alone."""
    script = shutil.copy(EMITTERS / "python" / "emit.py", tmp_path)
    run(sys.executable, "-c", ALONE, script, kafka.bootstrap_servers, topic.name, avsc_folder, cwd=tmp_path)
    check_parcel(stated(kafka, topic))
    check_applied(kafka, topic, tmp_path / "model.duckdb")


def test_the_python_of_that_test_can_import_no_package_of_ours(tmp_path: Path) -> None:
    """What keeps our packages away keeps them away: a script that imports one fails there, and not elsewhere."""
    script = tmp_path / "imports.py"
    script.write_text("import ledger_schemas\n", encoding="utf-8")
    alone = subprocess.run([sys.executable, "-c", ALONE, str(script)], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError: ledger_schemas" in alone.stderr
    run(sys.executable, script, cwd=tmp_path)


def test_the_emitter_of_the_guide_emits_events_that_are_applied(kafka: Kafka, topic: TopicSpec, tmp_path: Path) -> None:
    """The same two events with our own library."""
    run(
        sys.executable,
        EMITTERS / "python" / "emit_with_the_emitter.py",
        kafka.bootstrap_servers,
        topic.name,
        cwd=tmp_path,
    )
    check_parcel(stated(kafka, topic))
    check_applied(kafka, topic, tmp_path / "model.duckdb")


def test_java_emits_events_that_are_applied(kafka: Kafka, topic: TopicSpec, avsc_folder: Path, tmp_path: Path) -> None:
    """Avro's BinaryMessageEncoder and the Kafka client with its own partitioner, compiled and run by Maven."""
    skip_without("java")
    project = shutil.copytree(EMITTERS / "java", tmp_path / "java", ignore=shutil.ignore_patterns("target"))
    repository = tool_cache("maven")
    run(
        *("mvn", "--batch-mode", "--quiet", f"-Dmaven.repo.local={repository}", "compile", "exec:java"),
        f"-Dexec.args={kafka.bootstrap_servers} {topic.name} {avsc_folder}",
        cwd=Path(project),
    )
    check_parcel(stated(kafka, topic))
    check_applied(kafka, topic, tmp_path / "model.duckdb")


def test_the_shell_emits_an_event_that_is_applied_once_however_often_it_is_sent(
    kafka: Kafka, topic: TopicSpec, tmp_path: Path
) -> None:
    """Record, key and partition by xxd and kcat; its bytes hold a newline, and the same event twice counts once."""
    skip_without("shell")
    for _ in range(2):
        run(EMITTERS / "shell" / "emit.sh", kafka.bootstrap_servers, topic.name, cwd=tmp_path)
    records = read_records(kafka.connection, topic)
    assert [example_event(Kind.DELIVERED)] * 2 == stated(kafka, topic)
    assert all(b"\n" in (record.value or b"") for record in records)
    check_applied(kafka, topic, tmp_path / "model.duckdb", duplicates=1)


def test_kcat_needs_the_file_and_the_partitioner(kafka: Kafka, topic: TopicSpec, tmp_path: Path) -> None:
    """Why the shell script has both: without, the record is cut at its newline, or lies in another partition."""
    skip_without("shell")
    script = (EMITTERS / "shell" / "emit.sh").read_text(encoding="utf-8")
    for spoilt in (
        script.replace('idempotence=true "$record"', 'idempotence=true <"$record"'),
        script.replace("-X topic.partitioner=murmur2_random", ""),
    ):
        assert spoilt != script
        run("bash", "-c", spoilt, "emit.sh", kafka.bootstrap_servers, topic.name, cwd=tmp_path)
    records = read_records(kafka.connection, topic)
    with ReadModel.create_or_open(tmp_path / "model.duckdb", topic=topic.name, partitions=topic.partitions) as model:
        assert model.apply(records).reasons == {"undecodable": 2, "wrong_partition": 1}


def test_the_event_of_the_shell_is_the_one_that_the_page_takes_apart() -> None:
    """So that its bytes are explained."""
    script = (EMITTERS / "shell" / "emit.sh").read_text(encoding="utf-8")
    page = (GUIDE.parents[2] / "schemas" / "contract" / "contract.md").read_text(encoding="utf-8")
    dump = page.split("```text\n", 1)[1].split("```", 1)[0]
    shown = "".join(line[10:49].replace(" ", "") for line in dump.splitlines())
    assert shown == "".join(re.findall(r"^event\+?=([0-9a-f]+)", script, re.MULTILINE))


def test_events_of_a_schema_of_ones_own_are_applied_once_it_is_published(
    kafka: Kafka, topic: TopicSpec, avsc_folder: Path, tmp_path: Path
) -> None:
    """A delivered without the fields that its writer never states: unknown, then applied with its schema."""
    schemas_topic = schemas_topic_spec(f"{topic.name}.schemas")
    asyncio.run(ensure_topic(kafka.connection, schemas_topic))
    own = json.loads(schema_text(Kind.DELIVERED))
    never = {"attempt_id", "actor", "causation_id", "personal", "personal_key_id", "attributes", "provider"}
    own["fields"] = [field for field in own["fields"] if field["name"] not in never]
    own_file = avsc_folder / "delivered.v1.avsc"
    own_file.write_text(json.dumps(own), encoding="utf-8")
    reference = writer_schema(own_file.read_text(encoding="utf-8")).fingerprint
    assert reference not in shipped_schemas()

    python = [sys.executable, "-c", ALONE]
    publish, emit = EMITTERS / "python" / "publish_schema.py", EMITTERS / "python" / "emit.py"
    run(*python, emit, kafka.bootstrap_servers, topic.name, avsc_folder, cwd=tmp_path)
    before, delivered = deliveries(kafka, topic, tmp_path / "before.duckdb", schemas_topic)
    assert (before.applied, before.quarantined) == (1, 1)
    assert delivered == [("ann", "email", 0)]

    run(*python, publish, kafka.bootstrap_servers, schemas_topic.name, own_file, cwd=tmp_path)
    after, delivered = deliveries(kafka, topic, tmp_path / "after.duckdb", schemas_topic)
    assert (after.applied, after.quarantined) == (2, 0)
    assert delivered == [("ann", "email", 1)]


def test_the_code_of_the_guide_is_the_code_that_runs() -> None:
    """Each block of the guide that names a file is that file, to the last character; no emitter is left out."""
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"\[`(emitters/[^`]+)`\]\(\1\)[^\n]*\n\n```\w+\n(.*?)```\n", text, re.DOTALL)
    for name, code in blocks:
        assert (GUIDE.parent / name).read_text(encoding="utf-8") == code, name
    files = {str(path.relative_to(GUIDE.parent)) for path in EMITTERS.rglob("*") if path.is_file()}
    assert {name for name, _ in blocks} == files
