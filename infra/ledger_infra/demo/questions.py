"""The questions that the tour asks of the read model, each shown with the command that asks it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rich.console import Console

from ledger_infra.cli.read_sources import open_source
from ledger_infra.cli.render import print_count, print_detail, print_page
from ledger_infra.demo.samples import sample_events
from ledger_infra.settings import load_settings
from ledger_queries import Filter, Grain, GroupBy
from ledger_queries.parameters import Consistency, Part

ROWS_SHOWN: Final = 5
SHOP: Final = "harbour-shop"
"""A tenant of the stream (`characters.py`)."""


def ask_questions(data_dir: Path, console: Console) -> None:
    """Ask for lists, counts and one notification whole, and show the answers as a person would want them."""
    fresh = Consistency.model_validate({})
    suger = sample_events("suger")[0]

    def say(command: str) -> None:
        console.print(f"\n[bold]$ notification-ledger {command}[/]", highlight=False, soft_wrap=True)

    with open_source(load_settings(data_dir=data_dir), None) as source:
        say(f"count --tenant {SHOP} --grain inbox_entry --not-read --group-by recipient")
        unread = source.count(Grain.INBOX_ENTRY, Filter(tenant=SHOP, read=False), fresh, group_by=GroupBy.RECIPIENT)
        print_count(unread.model_copy(update={"groups": (unread.groups or [])[:ROWS_SHOWN], "groups_complete": False}))
        busiest = (unread.groups or [])[0].name
        say(f"list --tenant {SHOP} --grain inbox_entry --recipient {busiest} --not-read --limit {ROWS_SHOWN}")
        asked = Filter(tenant=SHOP, recipient=busiest, read=False)
        print_page(source.list(Grain.INBOX_ENTRY, asked, fresh, Part(limit=ROWS_SHOWN)))
        say(f"list --tenant {SHOP} --channel email --reached failed --not-reached delivered --limit {ROWS_SHOWN}")
        asked = Filter.model_validate(
            {"tenant": SHOP, "channel": "email", "reached": ["failed"], "not_reached": ["delivered"]}
        )
        print_page(source.list(Grain.NOTIFICATION, asked, fresh, Part(limit=ROWS_SHOWN)))
        say(f"count --tenant {SHOP} --grain delivery --group-by channel")
        print_count(source.count(Grain.DELIVERY, Filter(tenant=SHOP), fresh, group_by=GroupBy.CHANNEL))
        say(f"count --tenant {SHOP} --grain delivery --group-by kind")
        print_count(source.count(Grain.DELIVERY, Filter(tenant=SHOP), fresh, group_by=GroupBy.KIND))
        say(f"get {suger.notification_id} --tenant {suger.tenant_id}")
        print_detail(source.get(suger.tenant_id, suger.notification_id, fresh))
