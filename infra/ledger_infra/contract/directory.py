"""The directory in the published contract: its messages in the AsyncAPI document, and a page of its own."""

from __future__ import annotations

import json
from typing import Any, Final

from ledger_infra.contract.field_tables import fields_table, table
from ledger_schemas.directory_codec import current_directory_schema, directory_schema_file_name
from ledger_schemas.directory_events import DirectoryKind
from ledger_schemas.tenant_settings import TENANT_SETTINGS
from ledger_schemas.topic import DIRECTORY_TOPIC

KAFKA_BINDING_VERSION: Final = "0.5.0"
AVRO: Final = "application/vnd.apache.avro;version=1.9.0"
"""The newest Avro that AsyncAPI 3.1 has a name for; the schemas use nothing that is newer than it."""

DIRECTORY_DESCRIPTION: Final = """\
The directory: keys (by the SHA-256 of their secrets), settings of tenants, members of teams, devices. One partition: \
the order of this log decides, and a further copy of an event_id changes nothing. Value: Avro single-object encoding, \
as on the lifecycle topic. Who may append here decides who may ask the ledger: give this right to nobody else.
"""


_PAGE: Final = """\
# The directory

Who may ask, and whom tenants know: keys, settings of tenants, teams and devices. They are events of their own, in the
topic `{topic}`: one partition, append time, unlimited retention, no compaction. This page
is generated from the schemas; the same for programs is in [asyncapi.json](asyncapi.json). How keys are used is in
[the guide to credentials](../../infra/guides/credentials.md).

- **The order of the log decides.** A further copy of an `event_id` changes nothing. What cannot be read lies in
  quarantine and is an alarm, since a revocation may be among it.
- **A record's value** is Avro single-object encoding, as on the lifecycle topic: `C3 01`, the fingerprint of the writer
  schema, the record. Its key is the tenant, in UTF-8.
- **Nothing secret is in it.** Of a key it has the SHA-256 of 256 random bits. Device tokens are personal data.
- **Who may append here decides who may ask.** Give the right to write to this topic to nobody but the ledger.

{kinds}

{sections}

## Settings of tenants

{settings}
"""


def directory_page() -> str:
    """Return the page as Markdown."""
    kinds = [(f"[`{kind}`](#{kind})", _document(kind)["doc"]) for kind in DirectoryKind]
    settings = [(f"`{name}`", one.meaning, one.rule) for name, one in TENANT_SETTINGS.items()]
    return _PAGE.format(
        topic=DIRECTORY_TOPIC,
        kinds=table(("kind", "what it means"), kinds),
        sections="\n\n".join(map(_section, DirectoryKind)),
        settings=table(("setting", "what it is for", "value"), settings),
    )


def directory_message(kind: DirectoryKind) -> dict[str, Any]:
    """Return the message of one kind in the AsyncAPI document."""
    schema, document = current_directory_schema(kind), _document(kind)
    return {
        "name": f"{document['namespace']}.{document['name']}",
        "title": kind.value,
        "summary": document["doc"],
        "contentType": "application/avro",
        "payload": {"schemaFormat": AVRO, "schema": document},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "tenant_id, in UTF-8; none for an operator's key."},
                "bindingVersion": KAFKA_BINDING_VERSION,
            }
        },
        "x-kind": kind.value,
        "x-schema-version": schema.version,
        "x-fingerprint": schema.fingerprint.hex(),
    }


def _document(kind: DirectoryKind) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(current_directory_schema(kind).text)
    return document


def _section(kind: DirectoryKind) -> str:
    schema, document = current_directory_schema(kind), _document(kind)
    file = directory_schema_file_name(kind, schema.version)
    where = f"[`{file}`](../ledger_schemas/avro/directory/{file}): `{document['namespace']}.{document['name']}`"
    inner = [field["type"] for field in document["fields"] if isinstance(field["type"], dict)]
    records = [f"`{one['name']}`: {one['doc']}\n\n{fields_table(one['fields'])}" for one in inner if "fields" in one]
    head = f"## {kind}\n\n{document['doc']}\n\n{where}; a frame begins `c301{schema.fingerprint.hex()}`."
    return "\n\n".join([head, fields_table(document["fields"]), *records])
