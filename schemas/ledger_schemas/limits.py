"""The limits of one event, one batch and one answer: named, with their unit at the end."""

EVENT_BYTES_MAX = 1_000_000
"""One encoded event, framing included. Kafka's default for a whole record batch is 1,048,588 bytes."""

BATCH_EVENTS_MAX = 1_000
"""Events that one ingest call may carry."""

INGEST_BYTES_MAX = 8_000_000
"""The body of one request over HTTP, decoded."""

BODY_SECONDS_MAX = 60.0
"""How long the body of a request may take to arrive."""

JSON_CONTAINERS_MAX = 500_000
"""Arrays and objects that one JSON document of a caller may open. A request of INGEST_BYTES_MAX whose events name a
thousand recipients each has fewer."""

JSON_ITEMS_MAX = 10_000
"""Items of one array, or names of one object, of an event as JSON: ten times what any field allows."""

RECIPIENTS_PER_EVENT_MAX = 1_000
"""Audience members of one `created`."""

SETTINGS_PER_EVENT_MAX = 100
"""Settings of a tenant that one event of the directory changes; recipients of a team: RECIPIENTS_PER_EVENT_MAX."""

SETTING_CHARS_MAX = 1_000
DEVICE_TOKEN_CHARS_MAX = 1_000
CHANNELS_PER_RECIPIENT_MAX = 32
GROUPS_PER_EVENT_MAX = 256
TAGS_PER_EVENT_MAX = 64
CONTEXTS_PER_EVENT_MAX = 64

ID_CHARS_MAX = 128
"""Tenant, recipient, channel, delivery reference, source, actor and every other id or code."""

TITLE_CHARS_MAX = 1_000
NAME_CHARS_MAX = 1_000
"""The name of a person, a business object, a template or a schedule; an address; a rule of recurrence."""

BODY_CHARS_MAX = 200_000
LINK_CHARS_MAX = 4_000
DETAIL_CHARS_MAX = 100_000

DATA_BYTES_MAX = 500_000
"""Free-form data and addresses: JSON as text, in bytes of UTF-8."""

ATTRIBUTES_BYTES_MAX = 100_000
"""Free-form data that identifies nobody: a JSON object as text, in bytes of UTF-8."""

DATA_DEPTH_MAX = 64
"""Arrays and objects inside one another in free-form data; the outermost counts as one."""

TIME_FRACTION_DIGITS_MAX = 64
"""Digits after the second of a time as text; those beyond microseconds are cut."""

NUMBER_MAX = 2**53 - 1
"""The integer id of a notification: the largest that every reader of JSON keeps (RFC 8259, section 6)."""

CLOCK_SKEW_SECONDS_MAX = 900.0
"""How far ahead of the emitter's clock `occurred_at` may lie. Under half an hour, so that a mistaken time zone is
found; the past has no limit, since histories are imported."""

SCHEMA_BYTES_MAX = 200_000
"""One writer schema, as JSON text."""

OCCURRED_AT_MICROSECONDS_MIN = -62_135_596_800_000_000
"""0001-01-01T00:00:00Z, the first instant that a calendar library can show."""

OCCURRED_AT_MICROSECONDS_MAX = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z, the last one."""

PAGE_ROWS_DEFAULT = 50
PAGE_OFFSET_MAX = 1_000_000
"""Rows that a page may pass over; a cursor goes further at the same price."""

PAGE_ROWS_MAX = 1_000

GROUPS_MAX = 1_000
"""Groups that one grouped count answers with, largest first."""

TIMELINE_EVENTS_MAX = 10_000
"""Events of one notification that `get` answers with, oldest first."""

WAIT_SECONDS_MAX = 30.0
"""How long a read may wait for the read model to reach a position."""
