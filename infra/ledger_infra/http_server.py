"""The HTTP server of the API: a socket that is bound before anything else starts, and uvicorn without its signals."""

from __future__ import annotations

import contextlib
import errno
import gc
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from ledger_infra.settings import Settings
from ledger_schemas.errors import PortTaken, SettingInvalid

DRAIN_SECONDS: Final = 10
"""How long open HTTP requests may go on after a stop was asked for."""


class ApiServer(uvicorn.Server):
    """uvicorn without its own signal handlers: the service decides when to drain."""

    def __init__(self, app: ASGIApp) -> None:
        """Serve `app`."""
        super().__init__(
            uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=DRAIN_SECONDS
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the service."""
        yield

    async def run(self, listener: socket.socket) -> None:  # type: ignore[override] # ours is awaited, not blocking
        """Answer until `should_exit`, then drain."""
        # Each page of 1,000 rows makes the collector walk through all that lives: 60 ms for modules and routes alone.
        # What is frozen is never collected: so what is garbage already goes first.
        gc.collect()
        gc.freeze()
        await self.serve(sockets=[listener])


@contextmanager
def listen(settings: Settings) -> Iterator[socket.socket]:
    """Bind the API's port before anything is started, so that a taken one costs nothing."""
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it each keep-alive answer waits some 40 ms.
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.api_host, settings.api_port))
            listener.listen()
        except OSError as error:
            where = f"port {settings.api_port} of {settings.api_host}"
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(
                    f"Another process has {where}.",
                    hint="Stop it, or choose another port with --api-port (NOTIFICATION_LEDGER_API_PORT).",
                ) from error
            raise SettingInvalid(
                f"api_port: {where} cannot be used ({error.strerror}).",
                hint="Choose another with --api-port, or another NOTIFICATION_LEDGER_API_HOST.",
                field="api_port",
            ) from error
        yield listener


def url_of(listener: socket.socket) -> str:
    """Return where a bound socket answers."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
