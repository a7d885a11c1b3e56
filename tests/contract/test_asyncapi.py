"""The AsyncAPI document is valid by tools that know nothing of the ledger, and states what the ledger runs on."""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger_infra.cli.contract_commands import FILE_NAMES, Document
from ledger_infra.contract import asyncapi_document
from ledger_infra.contract.examples import example_event, example_values
from ledger_producers.cloud_events import cloud_event_headers
from ledger_schemas import TopicSpec
from ledger_schemas.directory_codec import current_directory_schema
from ledger_schemas.directory_events import DirectoryKind
from ledger_schemas.kinds import Kind
from ledger_schemas.schema_topic import binding_of, read_key
from ledger_schemas.shipped import current_schema
from ledger_schemas.topic import directory_topic_spec, schemas_topic_spec

from .places import CONTRACT, tool_cache

VALIDATOR = Path(__file__).with_name("asyncapi_validator")
PINNED = ("package.json", "package-lock.json")
INSTALL_TIMEOUT_SECONDS = 240

Break = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the validator's script, beside its pinned packages: installed once for each content of their lock."""
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed (Debian: nodejs, npm)")
    content = hashlib.sha256(b"".join((VALIDATOR / name).read_bytes() for name in PINNED)).hexdigest()[:16]
    installed = tool_cache(f"asyncapi-validator-{content}")
    if not installed.is_dir():
        install(installed)
    folder = tmp_path_factory.mktemp("validator")
    (folder / "node_modules").symlink_to(installed / "node_modules")
    return Path(shutil.copy(VALIDATOR / "validate.mjs", folder))


def install(folder: Path) -> None:
    """Install the pinned packages beside `folder` and rename: it is whole or not there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix="npm-"))
    try:
        for name in PINNED:
            shutil.copy(VALIDATOR / name, scratch)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=scratch, check=False, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_SECONDS
        )
        assert done.returncode == 0, done.stderr
        if not folder.exists():  # Another session may have been faster.
            scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def findings(validator: Path, *documents: Path) -> list[list[dict[str, Any]]]:
    """Return what the validator finds in each document: errors, warnings and hints alike."""
    answer = subprocess.run(["node", str(validator), *map(str, documents)], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return list(json.loads(answer.stdout).values())


def test_the_packages_of_the_validator_are_pinned_by_content_and_by_no_address() -> None:
    """The lock has a hash of each package, and leaves to npm's settings where it comes from."""
    packages = json.loads((VALIDATOR / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert len(packages) > 1
    for name, package in packages.items():
        assert not name or package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


def test_the_published_document_is_valid(validator: Path) -> None:
    """AsyncAPI's own parser, Avro's JavaScript library and a JSON Schema validator find nothing, not even a hint."""
    assert findings(validator, CONTRACT / FILE_NAMES[Document.ASYNCAPI]) == [[]]


def small_document() -> dict[str, Any]:
    """Return the document with one kind only, for what is said of every kind alike: it is checked in no time."""
    document = asyncapi_document()
    kept = {Kind.READ.record_name, "WriterSchema"}

    def keep(messages: dict[str, Any]) -> dict[str, Any]:
        return {name: one for name, one in messages.items() if name in kept}

    document["components"]["messages"] = keep(document["components"]["messages"])
    for channel in document["channels"].values():
        channel["messages"] = keep(channel["messages"])
    for operation in document["operations"].values():
        operation["messages"] = [one for one in operation["messages"] if one["$ref"].rsplit("/", 1)[-1] in kept]
    return document


def without_title(document: dict[str, Any]) -> None:
    """Leave out what the specification requires."""
    del document["info"]["title"]


def dangling(document: dict[str, Any]) -> None:
    """Refer to a channel that is not there."""
    document["operations"]["emitEvent"]["channel"]["$ref"] = "#/channels/none"


def partitions_in_words(document: dict[str, Any]) -> None:
    """Give a Kafka binding a value of another type."""
    document["channels"]["lifecycle"]["bindings"]["kafka"]["partitions"] = "six"


def unknown_type(document: dict[str, Any]) -> None:
    """Put a type into a payload that Avro does not know."""
    document["components"]["messages"]["NotificationRead"]["payload"]["schema"]["fields"][0]["type"] = "txt"


def unknown_format(document: dict[str, Any]) -> None:
    """Name a schema format for which there is no parser."""
    document["components"]["messages"]["NotificationRead"]["payload"]["schemaFormat"] = "application/unheard-of"


def wrong_example(document: dict[str, Any]) -> None:
    """Give an example a field of another type."""
    document["components"]["messages"]["NotificationRead"]["examples"][0]["payload"]["tenant_id"] = 5


def wrong_header(document: dict[str, Any]) -> None:
    """Give an example a header of another type."""
    document["components"]["messages"]["NotificationRead"]["examples"][0]["headers"]["ce_id"] = 5


BREAKS: dict[Break, str] = {
    without_title: "asyncapi-document-resolved",
    dangling: "invalid-ref",
    partitions_in_words: "asyncapi-document-resolved",
    unknown_type: "avro-schema",
    unknown_format: "schema-format",
    wrong_example: "example-payload",
    wrong_header: "example-headers",
}


def test_the_validator_refuses_a_broken_document(validator: Path, tmp_path: Path) -> None:
    """Whatever part of it is broken: silence about ours means something."""

    def write(name: str, document: dict[str, Any]) -> Path:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    paths = [write("sound", small_document())]
    for break_it in BREAKS:
        document = small_document()
        break_it(document)
        paths.append(write(break_it.__name__, document))
    sound, *broken = findings(validator, *paths)
    assert sound == []
    for (break_it, code), found in zip(BREAKS.items(), broken, strict=True):
        assert code in {finding["code"] for finding in found}, break_it.__name__


def test_every_kind_has_a_message_with_its_schema_as_published() -> None:
    """The payload is the .avsc to the last doc, beside the fingerprint as it stands in a frame."""
    messages = asyncapi_document()["components"]["messages"]
    names = [kind.record_name for kinds in (Kind, DirectoryKind) for kind in kinds]
    assert {*names, "WriterSchema"} == set(messages)
    for stated in DirectoryKind:
        own = current_directory_schema(stated)
        assert json.loads(own.text) == messages[stated.record_name]["payload"]["schema"]
        assert own.fingerprint.hex() == messages[stated.record_name]["x-fingerprint"]
    for kind in Kind:
        schema = current_schema(kind)
        message = messages[kind.record_name]
        assert schema.document == message["payload"]["schema"]
        assert schema.fingerprint.hex() == message["x-fingerprint"]
        assert (kind.value, schema.version) == (message["x-kind"], message["x-schema-version"])


def test_both_sides_of_each_topic_are_operations() -> None:
    """Somebody sends and the ledger receives; each operation has every message of its channel."""
    document = asyncapi_document()
    operations = {
        name: (one["action"], one["channel"]["$ref"].split("/")[-1], len(one["messages"]))
        for name, one in document["operations"].items()
    }
    assert {
        "emitEvent": ("send", "lifecycle", len(Kind)),
        "publishSchema": ("send", "schemas", 1),
        "applyEvents": ("receive", "lifecycle", len(Kind)),
        "learnSchemas": ("receive", "schemas", 1),
        "stateDirectory": ("send", "directory", len(DirectoryKind)),
        "followDirectory": ("receive", "directory", len(DirectoryKind)),
    } == operations


def test_the_channels_are_the_topics_as_the_ledger_checks_them_at_start() -> None:
    """Name, partitions and every setting; replicas as in production."""
    channels = asyncapi_document()["channels"]
    for name, spec in (
        ("lifecycle", TopicSpec(replication_factor=3, min_insync_replicas=2)),
        ("schemas", schemas_topic_spec(replication_factor=3, min_insync_replicas=2)),
        ("directory", directory_topic_spec(replication_factor=3, min_insync_replicas=2)),
    ):
        binding = channels[name]["bindings"]["kafka"]
        assert spec.name == channels[name]["address"] == binding["topic"]
        assert (spec.partitions, 3) == (binding["partitions"], binding["replicas"])
        stated = binding["topicConfiguration"] | {"cleanup.policy": binding["topicConfiguration"]["cleanup.policy"][0]}
        assert spec.config() == {key: str(value) for key, value in stated.items()}


def test_the_key_of_an_event_and_of_a_schema_keep_to_their_patterns() -> None:
    """The patterns of the Kafka bindings take what the ledger writes, and refuse other spellings."""
    components = asyncapi_document()["components"]
    event_key = components["messageTraits"]["event"]["bindings"]["kafka"]["key"]["pattern"]
    notification_id = str(example_event(Kind.READ).notification_id)
    assert re.search(event_key, notification_id)
    assert not re.search(event_key, notification_id.upper())
    schema_key = components["messages"]["WriterSchema"]["bindings"]["kafka"]["key"]["pattern"]
    for kind in Kind:
        assert re.search(schema_key, binding_of(current_schema(kind)).key.decode())
    for key in ("registry-id:7", "registry-id:07", "48E4DA1935A3D413", "48e4da1935a3d4", "48e4da1935a3d413"):
        assert bool(re.search(schema_key, key)) == (read_key(key) is not None), key


@pytest.mark.parametrize("kind", Kind)
def test_an_example_has_the_headers_of_the_record_that_it_is_of(kind: Kind) -> None:
    """The example's headers are those that the emitter writes for this very event, each of them described."""
    document = asyncapi_document()
    (example,) = document["components"]["messages"][kind.record_name]["examples"]
    assert example_values(kind) == example["payload"]
    expected = {name: value.decode() for name, value in cloud_event_headers(example_event(kind))}
    assert expected == example["headers"]
    assert set(expected) == set(document["components"]["schemas"]["CloudEventHeaders"]["properties"])


def test_examples_show_more_than_the_envelope() -> None:
    """Every kind that adds fields shows one of them at least; fired is shown bare, for the notification as a whole."""
    envelope = set(example_values(Kind.EXPIRED))
    bare = {kind for kind in Kind if set(example_values(kind)) == envelope}
    assert bare == {Kind.FIRED, Kind.EXPIRED}
