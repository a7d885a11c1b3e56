"""The answers as Novu's document describes them: the models of the dialect's OpenAPI document.

Vocabularies are open: `x-known-values` lists what the vendor documents, and what is recorded is answered, known or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from ledger_queries.dialects.novu import vocabulary

TIME: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def _optional(alias: str | None = None, description: str | None = None) -> Any:  # noqa: ANN401 - stands for a default
    """Return a field that may be absent and is never null."""
    return Field(default=None, alias=alias, description=description, json_schema_extra=_without_default)


def _known(values: Sequence[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "x-known-values": list(values)})


_StepType = Annotated[str, _known(vocabulary.STEP_TYPES)]
_Provider = Annotated[str, _known(vocabulary.PROVIDERS)]
_Unit = Annotated[str, _known(vocabulary.DIGEST_UNITS)]
_Time = Annotated[str, Field(pattern=TIME)]
_Number = int | float


class _Dto(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


class Subscriber(_Dto):
    """The recipient."""

    first_name: str = _optional()
    subscriber_id: str = Field(description="What the emitter calls the recipient.")
    id: str = Field(alias="_id")
    last_name: str = _optional()
    email: str = _optional()
    phone: str = _optional()


class Variable(_Dto):
    """A variable of a trigger."""

    name: str


class Trigger(_Dto):
    """What starts a workflow."""

    type: Annotated[str, _known(("event",))]
    identifier: str
    variables: list[Variable]
    subscriber_variables: list[Variable] = _optional()


class Template(_Dto):
    """The workflow."""

    id: str = _optional("_id")
    name: str
    origin: Annotated[str, _known(vocabulary.ORIGINS)] = _optional()
    triggers: list[Trigger]


class TimedDigest(_Dto):
    """When a timed digest is sent."""

    at_time: str = _optional()
    week_days: list[Annotated[str, _known(vocabulary.WEEK_DAYS)]] = _optional()
    month_days: list[_Number] = _optional()
    ordinal: Annotated[str, _known(vocabulary.ORDINALS)] = _optional()
    ordinal_value: Annotated[str, _known(vocabulary.ORDINAL_VALUES)] = _optional()
    monthly_type: Annotated[str, _known(vocabulary.MONTHLY_TYPES)] = _optional()
    cron_expression: str = _optional()
    until_date: str = _optional()


class Digest(_Dto):
    """How a digest merges, and what it merged."""

    digest_key: str = _optional()
    amount: _Number = _optional()
    unit: _Unit = _optional()
    type: Annotated[str, _known(vocabulary.DIGEST_TYPES)]
    events: list[dict[str, Any]] = _optional()
    backoff: bool = _optional()
    backoff_amount: _Number = _optional()
    backoff_unit: _Unit = _optional()
    update_mode: bool = _optional()
    timed: TimedDigest = _optional()


class ExecutionDetail(_Dto):
    """One attempt."""

    id: str = Field(alias="_id")
    created_at: _Time = _optional()
    status: Annotated[str, _known(vocabulary.DETAIL_STATUSES)]
    detail: str
    is_retry: bool
    is_test: bool
    provider_id: _Provider = _optional()
    raw: str | None = Field(None, description="The provider's answer as it came; null: none was recorded.")
    source: Annotated[str, _known(vocabulary.DETAIL_SOURCES)]


class FilterPart(_Dto):
    """One comparison."""

    field: str
    value: str
    operator: Annotated[str, _known(vocabulary.FILTER_OPERATORS)]
    on: Annotated[str, _known(vocabulary.FILTER_SIDES)]


class StepFilter(_Dto):
    """A group of comparisons."""

    is_negated: bool
    type: Annotated[str, _known(vocabulary.FILTER_TYPES)]
    value: Annotated[str, _known(vocabulary.FILTER_VALUES)]
    children: list[FilterPart]


class Step(_Dto):
    """The step of the workflow that a job carries out."""

    id: str = Field(alias="_id")
    active: bool
    reply_callback: dict[str, Any] = _optional()
    control_variables: dict[str, Any] = _optional()
    metadata: dict[str, Any] = _optional()
    issues: dict[str, Any] = _optional()
    filters: list[StepFilter]
    template: dict[str, Any] = _optional()
    variants: list[Step] = _optional()
    template_id: str = Field(alias="_templateId")
    name: str = _optional()
    parent_id: str | None = Field(None, alias="_parentId")


class Job(_Dto):
    """One step as it was carried out for the recipient."""

    id: str = Field(alias="_id")
    type: _StepType
    digest: Digest = _optional()
    execution_details: list[ExecutionDetail] = Field(description="Oldest first.")
    step: Step
    overrides: dict[str, Any] = _optional()
    payload: dict[str, Any] = _optional()
    provider_id: _Provider
    status: Annotated[str, _known(vocabulary.JOB_STATUSES)]
    updated_at: _Time = _optional()
    schedule_extensions_count: _Number = _optional()


class Topic(_Dto):
    """A topic that the recipient was subscribed to."""

    topic_id: str = Field(alias="_topicId")
    topic_key: str


class Event(_Dto):
    """One event of a workflow for one recipient."""

    id: str = _optional("_id")
    environment_id: str = Field(alias="_environmentId")
    organization_id: str = Field(alias="_organizationId")
    subscriber_id: str = Field(alias="_subscriberId")
    transaction_id: str
    template_id: str = _optional("_templateId")
    digested_notification_id: str = _optional("_digestedNotificationId")
    created_at: _Time = _optional()
    updated_at: _Time = _optional()
    channels: list[_StepType] = _optional()
    subscriber: Subscriber = _optional()
    template: Template = _optional()
    jobs: list[Job] = _optional(description="Oldest first, without those of type trigger.")
    payload: dict[str, Any] = _optional()
    tags: list[str] = _optional()
    controls: dict[str, Any] = _optional()
    to: dict[str, Any] = _optional()
    topics: list[Topic] = _optional()
    severity: Annotated[str, _known(vocabulary.SEVERITIES)] = _optional()
    critical: bool = _optional()
    context_keys: list[str] = _optional()


class WrappedEvent(_Dto):
    """The event of a tenant whose answers are wrapped."""

    data: Event


class ErrorDto(_Dto):
    """Why a request is not answered."""

    status_code: int
    timestamp: _Time
    path: str
    message: str = _optional()
    ctx: dict[str, Any] = _optional()
    error_id: str = _optional(description="With status 500 alone: the id under which the log has the fault.")


class Constraint(_Dto):
    """What is wrong with one field."""

    messages: list[str]
    value: None = Field(description="Null always: what was given is not told again.")


class ValidationErrorDto(ErrorDto):
    """Which fields break a rule."""

    errors: dict[str, Constraint]
