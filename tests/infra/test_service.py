"""The service in this process, where the sockets that it accepted can be looked at."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import Any

import httpx2
import psutil

from ledger_infra.broker.ports import free_ports
from ledger_infra.service import Addresses, Callbacks, serve
from ledger_infra.settings import load_settings
from tests.conftest import Kafka


def test_an_accepted_connection_sends_each_answer_at_once(kafka: Kafka, topic_name: str, tmp_path: Path) -> None:
    """TCP_NODELAY is set on the socket of a keep-alive connection, so no answer waits for an acknowledgement."""
    (port,) = free_ports(1)
    settings = load_settings(
        data_dir=tmp_path / "data",
        bootstrap_servers=kafka.bootstrap_servers,
        topic=topic_name,
        schemas_topic=f"{topic_name}.schemas",
        api_port=port,
    )
    found: dict[str, Any] = {}

    def ask(url: str) -> None:
        with httpx2.Client(base_url=url, trust_env=False) as client:
            statuses = [client.get("/health/live").status_code for _ in range(3)]
            (accepted,) = _accepted_at(port)
            found.update(statuses=statuses, no_delay=_no_delay(accepted))

    async def run() -> None:
        asked: list[asyncio.Task[None]] = []

        async def ask_and_stop(url: str) -> None:
            try:
                await asyncio.to_thread(ask, url)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        def announce(addresses: Addresses) -> None:
            assert addresses.api_url is not None
            asked.append(asyncio.create_task(ask_and_stop(addresses.api_url)))

        await serve(settings, with_api=True, callbacks=Callbacks(announce))
        await asyncio.gather(*asked)

    asyncio.run(run())
    assert found == {"statuses": [200, 200, 200], "no_delay": True}


def _accepted_at(port: int) -> list[int]:
    """Return the descriptors of this process's sockets that were accepted at a port."""
    connections = psutil.Process().net_connections("tcp")
    return [one.fd for one in connections if one.raddr and one.laddr.port == port]


def _no_delay(descriptor: int) -> bool:
    with socket.socket(fileno=os.dup(descriptor)) as same:
        return bool(same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
