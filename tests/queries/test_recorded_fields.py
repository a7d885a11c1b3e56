"""A dialect names the fields of the content that it reads; it reads no other."""

from __future__ import annotations

import re
from collections.abc import Collection
from importlib.resources import files

import pytest

from ledger_queries.dialects.easir import fields as easir
from ledger_queries.dialects.nextinteract import fields as nextinteract
from ledger_queries.dialects.suger import fields as suger
from ledger_queries.recorded import FIELDS

SAID = {"easir": easir.SAID, "nextinteract": nextinteract.SAID, "suger": suger.SAID}


@pytest.mark.parametrize("dialect", SAID)
def test_a_dialect_reads_the_fields_that_it_names_and_no_other(dialect: str) -> None:
    """A field that it would read without naming it would be None; one that it names in vain costs time."""
    named: Collection[str] = SAID[dialect]
    package = files(f"ledger_queries.dialects.{dialect}")
    text = "".join(one.read_text("utf-8") for one in package.iterdir() if one.name.endswith(".py"))
    assert set(re.findall(r"content\.([a-z_]+)", text)) == set(named)
    assert set(named) <= set(FIELDS)
