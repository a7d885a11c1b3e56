"""Run one native broker in the foreground until it is told to stop: what the command line calls."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from ledger_infra.broker.artifacts import Progress
from ledger_infra.broker.native import NativeKafka
from ledger_schemas.errors import BrokerStartFailed

WATCH_SECONDS: Final = 0.5
"""How often the broker is looked at while nothing else happens."""

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class _StopAsked(BaseException):
    """A signal asked the broker to stop; not an Exception, so that no handler of errors takes it for one."""


def run_broker(
    *,
    data_dir: Path,
    port: int | None,
    cache_dir: Path | None = None,
    say: Callable[[str], None] = print,
    progress: Progress | None = None,
) -> None:
    """Start Kafka on loopback, say where it is, and return after SIGINT or SIGTERM has stopped it cleanly.

    `say` takes whole sentences for a person. `progress` None tells the first download through `say`. To be called from
    the main thread, which alone may handle signals. Raises what `NativeKafka.start` raises, and BrokerStartFailed when
    Kafka ends by itself.
    """
    kafka = NativeKafka(data_dir, port=port, cache_dir=cache_dir, progress=progress or _sayer(say))
    try:
        with _signals_raise():
            kafka.start()
            say(f"Kafka answers on {kafka.bootstrap_servers} and keeps its data in {kafka.data_dir}. Ctrl-C stops it.")
            while kafka.running:
                time.sleep(WATCH_SECONDS)
        raise BrokerStartFailed("Kafka ended by itself.", hint=f"The whole log is {kafka.node.log_file}.")
    except _StopAsked:
        say("Stopping Kafka.")
    finally:
        kafka.stop()  # The old handlers are back: a second Ctrl-C ends this wait, and the keeper still stops Java.
    say("Kafka has stopped.")


@contextmanager
def _signals_raise() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _StopAsked

    before = {number: signal.signal(number, stop) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _sayer(say: Callable[[str], None]) -> Progress:
    """Return a progress that says every tenth of the way."""
    said: set[int] = set()

    def progress(done: int, total: int, _name: str) -> None:
        tenth = 10 * done // total
        if tenth not in said:
            said.add(tenth)
            say(f"Downloading Apache Kafka, once: {done} of {total} files.")

    return progress
