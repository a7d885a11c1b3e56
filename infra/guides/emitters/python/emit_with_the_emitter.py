"""Emit two events with the ledger's own library: emit_with_the_emitter.py BOOTSTRAP_SERVERS TOPIC."""

import asyncio
import sys

from ledger_producers import Emitter
from ledger_schemas import AudienceMember, KafkaConnection, Personal, TopicSpec


async def main(bootstrap_servers: str, topic: str) -> None:
    """State that a notification exists, and that it arrived."""
    async with Emitter(KafkaConnection(bootstrap_servers), source="shop", topic=TopicSpec(topic)) as emitter:
        created = await emitter.created(
            "acme",
            audience=[AudienceMember(recipient_id="ann", channels=("email",))],
            personal=Personal(title="Your parcel is on its way"),
        )
        await emitter.delivered("acme", created.notification_id, recipient_id="ann", channel="email")


asyncio.run(main(*sys.argv[1:]))
