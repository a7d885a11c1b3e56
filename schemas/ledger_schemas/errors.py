"""Every error of the ledger, in one tree.

    LedgerError                          code                      HTTP  exit  retry
    ├── BadRequest                       bad_request                400     2  no
    │   ├── SettingInvalid               setting_invalid            400     3  no
    │   ├── ContractViolation            contract_violation         422     4  no
    │   ├── LimitExceeded                limit_exceeded             413     5  no
    │   ├── EncodingUnsupported          encoding_unsupported       415    16  no
    │   ├── CursorInvalid                cursor_invalid             400     6  no
    │   └── PositionInvalid              position_invalid           400     7  no
    ├── Unauthenticated                  unauthenticated            401    18  no
    ├── Forbidden                        forbidden                  403    19  no
    ├── NotFound                         not_found                  404     8  no
    ├── Undecodable                      undecodable                422     9  no
    │   ├── SchemaUnknown                schema_unknown             422     9  no
    │   ├── KindUnknown                  kind_unknown               422     9  no
    │   └── SchemaUnusable               schema_unusable            422     9  no
    ├── Unavailable                      unavailable                503    10  yes
    │   ├── BrokerUnavailable            broker_unavailable         503    11  yes
    │   ├── ReadModelBehind              read_model_behind          503    12  yes
    │   ├── OutcomeUnknown               outcome_unknown            504    13  yes
    │   ├── ApiUnavailable               api_unavailable            503    14  yes
    │   ├── RegistryUnavailable          registry_unavailable       503    15  yes
    │   ├── DirectoryUnread              directory_unread           503    27  yes
    │   ├── QueryTooLong                 query_too_long             503    28  yes
    │   └── LogLosesFacts                log_loses_facts            503    17  yes
    ├── DataDirectoryInUse               data_directory_in_use      409    20  no
    ├── PortTaken                        port_taken                 409    21  no
    ├── BrokerStartFailed                broker_start_failed        500    22  no
    │   ├── ArtifactDamaged              artifact_damaged           500    23  no
    │   ├── ArtifactUnavailable          artifact_unavailable       503    24  yes
    │   ├── PlatformUnsupported          platform_unsupported       500    25  no
    │   └── MemoryInsufficient           memory_insufficient        500    26  no
    ├── TopicMisconfigured               topic_misconfigured        500    30  no
    ├── GuardRefused                     guard_refused              500    31  no
    │   ├── LogIncomplete                log_incomplete             500    37  no
    │   └── ReadModelUnusable            read_model_unusable        500    35  no
    ├── TooManyQuarantined               too_many_quarantined       500    32  no
    ├── ProjectorFailed                  projector_failed           500    33  no
    ├── ReadModelsDiffer                 read_models_differ         500    34  no
    ├── RegistryRefused                  registry_refused           500    36  no
    └── ExtraMissing                     extra_missing              500    40  no

`code` is stable and is what programs match on. `status` is the HTTP status, `exit_code` the exit status of the
command line, `retryable` says whether the same call may succeed later without a change. Every message says what was
wrong and, after it, what to do: `hint` names the next step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class LedgerError(Exception):
    """Base of all errors that the ledger raises on purpose.

    `message` says what was wrong, `hint` what to do next, `field` which input it is about (a dotted path), if any.
    Neither may hold a secret, a payload or an address: all three are logged.
    """

    code: ClassVar[str] = "ledger_error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", field: str | None = None) -> None:
        """Keep the three parts apart, so that each edge can show them in its own form."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.field = field

    def __str__(self) -> str:
        """Give the message and the hint as one line."""
        return f"{self.message} {self.hint}".strip()


class BadRequest(LedgerError):
    """The caller asked for something that cannot be asked."""

    code = "bad_request"
    status = 400
    exit_code = 2


class SettingInvalid(BadRequest):
    """A setting or a flag has a value that is not allowed."""

    code = "setting_invalid"
    exit_code = 3


class ContractViolation(BadRequest):
    """An event breaks the published contract; nothing was written."""

    code = "contract_violation"
    status = 422
    exit_code = 4


class LimitExceeded(BadRequest):
    """A named limit was passed; the message names the limit and the value."""

    code = "limit_exceeded"
    status = 413
    exit_code = 5


class EncodingUnsupported(BadRequest):
    """A request body has a Content-Encoding that the ledger does not read; it reads gzip and identity."""

    code = "encoding_unsupported"
    status = 415
    exit_code = 16


class CursorInvalid(BadRequest):
    """A page cursor is broken, belongs to another question, or to another version of the projection."""

    code = "cursor_invalid"
    exit_code = 6


class PositionInvalid(BadRequest):
    """A position is not of the form `topic@partition:next_offset,...`, or no read model here ever reaches it."""

    code = "position_invalid"
    exit_code = 7


class Unauthenticated(LedgerError):
    """A credential is missing, unknown, revoked or expired; which of these is not told."""

    code = "unauthenticated"
    status = 401
    exit_code = 18


class Forbidden(LedgerError):
    """The credential's role does not reach this far."""

    code = "forbidden"
    status = 403
    exit_code = 19


class NotFound(LedgerError):
    """The tenant has no such thing. Another tenant's thing gives the same answer, word for word."""

    code = "not_found"
    status = 404
    exit_code = 8


class Undecodable(LedgerError):
    """Bytes are not an event of the contract."""

    code = "undecodable"
    status = 422
    exit_code = 9


class SchemaUnknown(Undecodable):
    """The bytes name a writer schema that no reachable store has."""

    code = "schema_unknown"


class KindUnknown(Undecodable):
    """The writer schema is known, but it describes none of the kinds that this version knows."""

    code = "kind_unknown"


class SchemaUnusable(Undecodable):
    """A text that should be a writer schema is no Avro schema, or one that no decoder can safely be given."""

    code = "schema_unusable"


class Unavailable(LedgerError):
    """Something that the call needs is away for now."""

    code = "unavailable"
    status = 503
    exit_code = 10
    retryable = True


class BrokerUnavailable(Unavailable):
    """No Kafka broker answered in time."""

    code = "broker_unavailable"
    exit_code = 11


class ReadModelBehind(Unavailable):
    """The read model did not reach the position that was asked for within the time that was given."""

    code = "read_model_behind"
    exit_code = 12


class OutcomeUnknown(Unavailable):
    """An append was not answered in time: it may or may not have happened. Retry the same event_id.

    `events` are those of the call, whole: `emitter.put_many(error.events)` is a safe retry.
    """

    code = "outcome_unknown"
    status = 504
    exit_code = 13

    def __init__(self, message: str, *, hint: str = "", field: str | None = None, events: Sequence[Any] = ()) -> None:
        """Keep the events beside what every error has."""
        super().__init__(message, hint=hint, field=field)
        self.events = tuple(events)


class ApiUnavailable(Unavailable):
    """The ledger's own API did not answer."""

    code = "api_unavailable"
    exit_code = 14


class RegistryUnavailable(Unavailable):
    """The schema registry did not answer in time, or not with an answer."""

    code = "registry_unavailable"
    exit_code = 15


class DirectoryUnread(Unavailable):
    """The directory was not read to its end yet: every request but health is refused."""

    code = "directory_unread"
    exit_code = 27


class QueryTooLong(Unavailable):
    """A query was stopped at its deadline; nothing else was."""

    code = "query_too_long"
    exit_code = 28


class LogLosesFacts(Unavailable):
    """A topic has a setting by which Kafka deletes facts; the ledger is not ready until it is set back."""

    code = "log_loses_facts"
    exit_code = 17


class DataDirectoryInUse(LedgerError):
    """Another process has this data directory."""

    code = "data_directory_in_use"
    status = 409
    exit_code = 20


class PortTaken(LedgerError):
    """Another process listens on the port."""

    code = "port_taken"
    status = 409
    exit_code = 21


class BrokerStartFailed(LedgerError):
    """The native broker did not start."""

    code = "broker_start_failed"
    exit_code = 22


class ArtifactDamaged(BrokerStartFailed):
    """A downloaded file does not have the sha256 that it is pinned to."""

    code = "artifact_damaged"
    exit_code = 23


class ArtifactUnavailable(BrokerStartFailed):
    """A file that the first start needs could not be downloaded."""

    code = "artifact_unavailable"
    status = 503
    exit_code = 24
    retryable = True


class PlatformUnsupported(BrokerStartFailed):
    """There is no Java runtime for this platform."""

    code = "platform_unsupported"
    exit_code = 25


class MemoryInsufficient(BrokerStartFailed):
    """The machine has less free memory than the broker needs."""

    code = "memory_insufficient"
    exit_code = 26


class TopicMisconfigured(LedgerError):
    """The topic exists with settings that the ledger cannot live with."""

    code = "topic_misconfigured"
    exit_code = 30


class GuardRefused(LedgerError):
    """The log and the read model do not belong together; the message has the exact facts."""

    code = "guard_refused"
    exit_code = 31


class LogIncomplete(GuardRefused):
    """The log no longer holds records that the read model file has applied: the file may be their last copy."""

    code = "log_incomplete"
    exit_code = 37


class ReadModelUnusable(GuardRefused):
    """The read model file is damaged, or was made by another version; a rebuild from the log takes its place."""

    code = "read_model_unusable"
    exit_code = 35


class TooManyQuarantined(LedgerError):
    """Most of the last records of a partition cannot be read: they are not for this ledger, or the schemas are lost."""

    code = "too_many_quarantined"
    exit_code = 32


class ProjectorFailed(LedgerError):
    """The projector stopped on an error; the message has its cause."""

    code = "projector_failed"
    exit_code = 33


class ReadModelsDiffer(LedgerError):
    """Two read models of one position do not have the same content."""

    code = "read_models_differ"
    exit_code = 34


class RegistryRefused(LedgerError):
    """The schema registry answered, and refused: the credentials, the schema, or the address is none of a registry."""

    code = "registry_refused"
    exit_code = 36


class ExtraMissing(LedgerError):
    """A part of the ledger is not installed; the message has the command that installs it."""

    code = "extra_missing"
    exit_code = 40


def all_errors() -> tuple[type[LedgerError], ...]:
    """Return every class of the tree, parents before children."""

    def walk(cls: type[LedgerError]) -> list[type[LedgerError]]:
        return [cls, *(sub for child in cls.__subclasses__() for sub in walk(child))]

    return tuple(walk(LedgerError))
