"""Choose loopback ports that are free, and refuse those that are taken before a JVM is started for nothing."""

from __future__ import annotations

import secrets
import socket
from contextlib import closing
from typing import Final

from ledger_schemas.errors import PortTaken

HOST: Final = "127.0.0.1"

FREE_PORT_FIRST: Final = 20_000
FREE_PORT_LAST: Final = 32_000
"""Below every platform's range for outgoing connections: a client that keeps trying a stopped node's port from that
range can connect to itself and so keep the node from coming back."""

FREE_PORT_ATTEMPTS: Final = 1_000


def is_free(port: int) -> bool:
    """Say whether a server could listen on the loopback `port` now."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # As the JVM does: a closed server leaves no ban.
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports(count: int) -> tuple[int, ...]:
    """Return `count` different ports that were free a moment ago. Raises PortTaken when there are not so many."""
    found: set[int] = set()
    for _ in range(FREE_PORT_ATTEMPTS):
        if len(found) == count:
            return tuple(found)
        port = FREE_PORT_FIRST + secrets.randbelow(FREE_PORT_LAST - FREE_PORT_FIRST + 1)
        if port not in found and is_free(port):
            found.add(port)
    raise PortTaken(
        f"No {count} free loopback ports between {FREE_PORT_FIRST} and {FREE_PORT_LAST}.",
        hint="Stop what listens there, or name a port.",
        field="port",
    )


def refuse_taken(port: int) -> None:
    """Raise PortTaken when another process listens on the loopback `port`."""
    if not is_free(port):
        raise PortTaken(
            f"Another process listens on {HOST}:{port}.",
            hint="Stop it, or choose another port; a Kafka that is already there can be used by its address.",
            field="port",
        )
