"""What Novu's document says of the JSON that a trigger and its jobs carry: templates, steps with filters, digests."""

from __future__ import annotations

from typing import Final

from ledger_queries.dialects.novu.defaults import DEFAULTS
from ledger_queries.dialects.novu.shapes import (
    Shape,
    any_object,
    as_text,
    flag,
    items,
    nullable_text,
    number,
    record,
    text,
)

VARIANTS_DEPTH_MAX: Final = 8
"""Variants of a step inside one another that are shown; a variant at the last depth has no variants."""

_NAMED: Final = record({"name": text}, DEFAULTS["template.triggers[].variables[]"])

TRIGGERS: Final = items(
    record(
        {"type": text, "identifier": text, "variables": items(_NAMED), "subscriberVariables": items(_NAMED)},
        DEFAULTS["template.triggers[]"],
    )
)

FILTERS: Final = items(
    record(
        {
            "isNegated": flag,
            "type": text,
            "value": text,
            "children": items(
                record(
                    {"field": text, "value": as_text, "operator": text, "on": text},
                    DEFAULTS["jobs[].step.filters[].children[]"],
                )
            ),
        },
        DEFAULTS["jobs[].step.filters[]"],
    )
)

DIGEST: Final = record(
    {
        "digestKey": text,
        "amount": number,
        "unit": text,
        "type": text,
        "events": items(any_object),
        "backoff": flag,
        "backoffAmount": number,
        "backoffUnit": text,
        "updateMode": flag,
        "timed": record(
            {
                "atTime": text,
                "weekDays": items(text),
                "monthDays": items(number),
                "ordinal": text,
                "ordinalValue": text,
                "monthlyType": text,
                "cronExpression": text,
                "untilDate": text,
            }
        ),
    },
    DEFAULTS["jobs[].digest"],
)


def _step(depth: int) -> Shape:
    return record(
        {
            "_id": text,
            "active": flag,
            "replyCallback": any_object,
            "controlVariables": any_object,
            "metadata": any_object,
            "issues": any_object,
            "filters": FILTERS,
            "template": any_object,
            "variants": items(_step(depth - 1)) if depth else _none_deeper,
            "_templateId": text,
            "name": text,
            "_parentId": nullable_text,
        },
        DEFAULTS["jobs[].step"],
    )


def _none_deeper(value: object) -> list[object]:  # noqa: ARG001 - a shape
    return []


STEP: Final = _step(VARIANTS_DEPTH_MAX)
