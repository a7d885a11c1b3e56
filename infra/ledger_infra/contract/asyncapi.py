"""The contract as an AsyncAPI 3.1 document, from the shipped schemas, the topics and the limits.

Formats: AsyncAPI 3.1.0 specification; Kafka bindings 0.5.0; CloudEvents 1.0.2, Kafka protocol binding, section 3.2.
"""

from __future__ import annotations

from typing import Any, Final

from ledger_infra.contract.directory import AVRO, DIRECTORY_DESCRIPTION, KAFKA_BINDING_VERSION, directory_message
from ledger_infra.contract.examples import EVENT_ID, NOTIFICATION_ID, example_event, example_values
from ledger_producers.cloud_events import cloud_event_headers
from ledger_schemas import limits
from ledger_schemas.directory_events import DirectoryKind
from ledger_schemas.ids import CANONICAL_UUID
from ledger_schemas.kinds import Kind
from ledger_schemas.shipped import NAMESPACE, WriterSchema, current_schema
from ledger_schemas.topic import TopicSpec, directory_topic_spec, schemas_topic_spec

ASYNCAPI_VERSION: Final = "3.1.0"
CONTRACT_VERSION: Final = "1.0.0"

REPLICATION_FACTOR: Final = 3
MIN_INSYNC_REPLICAS: Final = 2
"""Of a production cluster, as the documents state it; development has one broker."""


_JSON_SCHEMA: Final = "application/schema+json;version=draft-07"

_DESCRIPTION: Final = f"""\
A ledger of what happened to every notification: each lifecycle change is one Avro record in Kafka, appended once and \
never changed. A service in any language appends events with this document and a Kafka client alone.

**Value.** Avro single-object encoding (Avro 1.12 specification): the bytes `C3 01`, 8 bytes of the writer schema's \
CRC-64-AVRO fingerprint, little-endian (`x-fingerprint` of each message, as it stands in the frame), then the record \
in Avro's binary encoding. With a schema registry, the Confluent frame is read as well: the byte `00`, 4 bytes of the \
registry's schema id, big-endian, then the record. Nothing may follow the record. At most \
EVENT_BYTES_MAX = {limits.EVENT_BYTES_MAX} bytes, the frame included.

**Key.** The 36 lower-case ASCII characters of `notification_id`. A record whose key is another is quarantined \
(`key_mismatch`).

**Partition.** Kafka's Java default for a record with a key: (murmur2(key) & 0x7fffffff) % partitions. librdkafka \
must be told so: `partitioner=murmur2_random`. A record in another partition is quarantined (`wrong_partition`).

**Ids.** `event_id` is a UUIDv7, made once by whoever states the fact and kept through every retry: all copies of an \
event count once. A retry states the same occurred_at, too. Append with acks=all and an idempotent producer, and retry \
what was not acknowledged.

**Limits** that no type states: {limits.RECIPIENTS_PER_EVENT_MAX} recipients in one event \
(RECIPIENTS_PER_EVENT_MAX), {limits.ID_CHARS_MAX} characters in an id or a code (ID_CHARS_MAX), \
{limits.DATA_BYTES_MAX} bytes of free-form data (DATA_BYTES_MAX); the description of each field ends with its own.

The page `contract.md` beside this document has every field, a record taken apart byte by byte, the derivations of \
ids, and what becomes of a record that breaks a rule.
"""

_SCHEMAS_DESCRIPTION: Final = f"""\
The writer schemas of the log travel beside it, so that a replay needs nothing but Kafka. Key: the 16 lower-case \
hexadecimal characters of the fingerprint's 8 bytes as they stand in a frame (or `registry-id:` and the id of a schema \
registry, in decimal). Value: the `.avsc` JSON text in UTF-8, at most SCHEMA_BYTES_MAX = {limits.SCHEMA_BYTES_MAX} \
bytes. The first value whose fingerprint matches its key wins; one that does not match is passed over. A service that \
writes with one of the schemas of this document need not publish it: every reader has them. A service that writes with \
a schema of its own publishes it here, waits for the acknowledgement, and then appends its first event.
"""

_CLOUD_EVENTS_DESCRIPTION: Final = """\
Optional: the headers that make the record a CloudEvent in binary mode. The ledger does not read them; the event is \
the value.
"""


def asyncapi_document() -> dict[str, Any]:
    """Return the document as JSON values, every schema written out: it refers to no other file."""
    lifecycle = TopicSpec(replication_factor=REPLICATION_FACTOR, min_insync_replicas=MIN_INSYNC_REPLICAS)
    schemas = schemas_topic_spec(replication_factor=REPLICATION_FACTOR, min_insync_replicas=MIN_INSYNC_REPLICAS)
    directory = directory_topic_spec(replication_factor=REPLICATION_FACTOR, min_insync_replicas=MIN_INSYNC_REPLICAS)
    directory_messages = {kind.record_name: directory_message(kind) for kind in DirectoryKind}
    event_messages = {kind.record_name: _event_message(kind) for kind in Kind}
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "id": "urn:notification-ledger:contract:v1",
        "info": _info(),
        "defaultContentType": "application/avro",
        "servers": {"kafka": _server()},
        "channels": {
            "lifecycle": _channel(
                lifecycle,
                "The log: one record is one event. Append time, unlimited retention, no compaction; the number of "
                "partitions never changes.",
                list(event_messages),
            ),
            "schemas": _channel(schemas, _SCHEMAS_DESCRIPTION, ["WriterSchema"]),
            "directory": _channel(directory, DIRECTORY_DESCRIPTION, list(directory_messages)),
        },
        "operations": _operations(list(event_messages), list(directory_messages)),
        "components": {
            "messages": event_messages | {"WriterSchema": _schema_message()} | directory_messages,
            "messageTraits": {"event": _event_trait()},
            "correlationIds": {
                "correlation": {
                    "description": "Ties together the facts of one business operation.",
                    "location": "$message.payload#/correlation_id",
                }
            },
            "schemas": {
                "CloudEventHeaders": _cloud_event_headers(),
                "WriterSchemaText": {
                    "schemaFormat": _JSON_SCHEMA,
                    "schema": {
                        "type": "object",
                        "description": "The schema of an Avro record, as its `.avsc` file has it.",
                        "required": ["type", "name", "fields"],
                        "properties": {
                            "type": {"const": "record"},
                            "name": {"type": "string"},
                            "namespace": {"type": "string"},
                            "fields": {"type": "array", "items": {"type": "object"}},
                        },
                    },
                },
            },
        },
    }


def _info() -> dict[str, Any]:
    return {
        "title": "Notification ledger",
        "version": CONTRACT_VERSION,
        "description": _DESCRIPTION,
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        "contact": {"name": "The maintainers of the notification ledger"},
        "tags": [
            {"name": "emit", "description": "What a service that emits does."},
            {"name": "apply", "description": "What the ledger does: the other side."},
        ],
    }


def _server() -> dict[str, Any]:
    return {
        "host": "{bootstrap_servers}",
        "protocol": "kafka",
        "description": "The Kafka cluster that holds the log. TLS and SASL are as that cluster has them.",
        "variables": {
            "bootstrap_servers": {
                "default": "127.0.0.1:9092",
                "description": "host:port of one of its brokers; the default is the broker that the ledger starts "
                "where none is configured.",
            }
        },
        "bindings": {"kafka": {"bindingVersion": KAFKA_BINDING_VERSION}},
    }


def _channel(spec: TopicSpec, description: str, messages: list[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {
        name: int(value) if value.removeprefix("-").isdecimal() else value for name, value in spec.config().items()
    }
    settings["cleanup.policy"] = [settings["cleanup.policy"]]
    return {
        "address": spec.name,
        "description": description,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "topic": spec.name,
                "partitions": spec.partitions,
                "replicas": spec.replication_factor,
                "topicConfiguration": settings,
                "bindingVersion": KAFKA_BINDING_VERSION,
            }
        },
    }


def _operations(events: list[str], directory: list[str]) -> dict[str, Any]:
    def operation(action: str, channel: str, messages: list[str], tag: str, summary: str) -> dict[str, Any]:
        return {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "summary": summary,
            "tags": [{"name": tag}],
            "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
            "bindings": {"kafka": {"bindingVersion": KAFKA_BINDING_VERSION}},
        }

    return {
        "emitEvent": operation("send", "lifecycle", events, "emit", "A service states a fact, once."),
        "publishSchema": operation(
            "send", "schemas", ["WriterSchema"], "emit", "A service publishes a writer schema that is not shipped."
        ),
        "applyEvents": operation(
            "receive", "lifecycle", events, "apply", "The projector folds every event into its read model."
        ),
        "learnSchemas": operation(
            "receive", "schemas", ["WriterSchema"], "apply", "Every reader learns the writer schemas of the log."
        ),
        "stateDirectory": operation(
            "send", "directory", directory, "emit", "The ledger states keys, settings, teams and devices."
        ),
        "followDirectory": operation(
            "receive", "directory", directory, "apply", "Every reader folds the directory, and knows who may ask."
        ),
    }


def _event_message(kind: Kind) -> dict[str, Any]:
    schema: WriterSchema = current_schema(kind)
    document = schema.document
    return {
        "name": schema.name,
        "title": kind.value,
        "summary": document["doc"],
        "traits": [{"$ref": "#/components/messageTraits/event"}],
        "payload": {"schemaFormat": AVRO, "schema": document},
        "examples": [
            {
                "name": kind.value,
                "summary": "As the schema describes it, before encoding; fields that have their default are left out.",
                "headers": {name: value.decode("ascii") for name, value in cloud_event_headers(example_event(kind))},
                "payload": example_values(kind),
            }
        ],
        "x-kind": kind.value,
        "x-schema-version": schema.version,
        "x-fingerprint": schema.fingerprint.hex(),
    }


def _event_trait() -> dict[str, Any]:
    return {
        "contentType": "application/avro",
        "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
        "correlationId": {"$ref": "#/components/correlationIds/correlation"},
        "bindings": {
            "kafka": {
                "key": {
                    "type": "string",
                    "description": "notification_id: a UUID of RFC 9562 in lower case, 36 ASCII characters.",
                    "pattern": f"^{CANONICAL_UUID.pattern}$",
                },
                "bindingVersion": KAFKA_BINDING_VERSION,
            }
        },
    }


def _schema_message() -> dict[str, Any]:
    schema = current_schema(Kind.READ)
    document = schema.document
    return {
        "name": "WriterSchema",
        "title": "writer schema",
        "summary": "One Avro schema that events of the log are written with.",
        "contentType": "application/json",
        "payload": {"$ref": "#/components/schemas/WriterSchemaText"},
        "bindings": {
            "kafka": {
                "key": {
                    "type": "string",
                    "description": "The fingerprint as it stands in a frame, in hexadecimal; or a registry's id.",
                    "pattern": "^([0-9a-f]{16}|registry-id:(0|[1-9][0-9]{0,9}))$",
                },
                "bindingVersion": KAFKA_BINDING_VERSION,
            }
        },
        "examples": [
            {
                "name": schema.fingerprint.hex(),
                "summary": "The schema of read, shortened to the fields that have no default; its name is its key.",
                "payload": document | {"fields": [one for one in document["fields"] if "default" not in one]},
            }
        ],
    }


def _cloud_event_headers() -> dict[str, Any]:
    sample = {name: value.decode("ascii") for name, value in cloud_event_headers(example_event(Kind.DELIVERED))}
    said = {
        "ce_specversion": "The version of CloudEvents.",
        "ce_id": f"event_id, such as {EVENT_ID}.",
        "ce_source": "source, percent-encoded as one segment of a URI reference.",
        "ce_type": f"{NAMESPACE}., the kind, and the version of the contract.",
        "ce_time": "occurred_at, RFC 3339 with microseconds, UTC.",
        "ce_subject": f"notification_id, such as {NOTIFICATION_ID}.",
        "ce_dataschema": "The writer schema, by its fingerprint as it stands in the frame.",
        "ce_partitionkey": "notification_id: the record's key.",
        "content-type": "Of the value.",
    }
    return {
        "type": "object",
        "description": _CLOUD_EVENTS_DESCRIPTION,
        "properties": {
            name: {"type": "string", "description": said[name], "examples": [sample[name]]} for name in sample
        },
    }
