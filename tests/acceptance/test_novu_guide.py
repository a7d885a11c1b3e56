from __future__ import annotations

import json

from ledger_queries.dialects.novu.app import ENVELOPE_SETTING
from ledger_queries.dialects.novu.defaults import DEFAULTS, DERIVED
from ledger_queries.dialects.novu.event import ENVIRONMENT_SETTING, ORGANIZATION_SETTING
from ledger_queries.dialects.novu.recorded_shapes import VARIANTS_DEPTH_MAX
from ledger_schemas.tenant_settings import TENANT_SETTINGS

from .guides import GUIDES, requests_of
from .serving import NOVU, Served, secret_of


def test_the_requests_of_the_guide_answer_what_it_shows(ledger: Served) -> None:
    """Run as they stand, with a key of the samples' tenant."""
    for answered, shown in requests_of("novu", ledger, secret_of(NOVU)):
        assert shown == answered


def test_the_guide_has_every_default_setting_and_limit() -> None:
    """Each required field without a recorded fact, with what stands there."""
    page = (GUIDES / "novu.md").read_text(encoding="utf-8")
    for name, words in DERIVED.items():
        assert f"| `{name}` | {words} |" in page, name
    for record, fields in DEFAULTS.items():
        for name, value in fields.items():
            path = f"{record}.{name}"
            assert path in DERIVED or f"| `{path}` | `{json.dumps(value)}` |" in page, path
    for setting in (ENVIRONMENT_SETTING, ORGANIZATION_SETTING, ENVELOPE_SETTING):
        assert f"| `{setting}` |" in page
        assert setting in TENANT_SETTINGS, "`tenants set` refuses it."
    assert f"shown {VARIANTS_DEPTH_MAX} deep" in page
