"""The settings that a tenant may have: what each is for, and what its value must look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ledger_schemas.errors import BadRequest


@dataclass(frozen=True, slots=True)
class TenantSetting:
    """One setting: what it is for, the pattern of its values, and that pattern in words."""

    meaning: str
    pattern: re.Pattern[str]
    rule: str


_OBJECT_ID: Final = re.compile(r"[0-9a-f]{24}")
_OBJECT_ID_RULE: Final = "24 lower-case hexadecimal characters"

TENANT_SETTINGS: Final[Mapping[str, TenantSetting]] = MappingProxyType(
    {
        "novu.environment_id": TenantSetting(
            "The `_environmentId` of the tenant in the Novu dialect.", _OBJECT_ID, _OBJECT_ID_RULE
        ),
        "novu.organization_id": TenantSetting(
            "The `_organizationId` of the tenant in the Novu dialect.", _OBJECT_ID, _OBJECT_ID_RULE
        ),
        "novu.envelope": TenantSetting(
            '`data`: the Novu dialect answers the tenant\'s events as `{"data": {...}}`.', re.compile("data"), "`data`"
        ),
    }
)
"""Every setting by name. The dialects use them."""


def check_settings(settings: Mapping[str, str]) -> None:
    """Check names and values; an empty value removes a setting. Raises BadRequest that names the setting."""
    for name, value in settings.items():
        known = TENANT_SETTINGS.get(name)
        if known is None:
            raise BadRequest(
                f"There is no tenant setting {name[:100]!r}.",
                hint=f"Allowed are {', '.join(TENANT_SETTINGS)}.",
                field="settings",
            )
        if value and known.pattern.fullmatch(value) is None:
            raise BadRequest(
                f"{name}: must be {known.rule}.", hint="Correct it, or leave it empty to remove it.", field=name
            )
