"""The parent of the fuzzer's child process: gives it batches, and names what killed or hung it."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from tests.fuzz.worker import Outcome

BATCH_SECONDS_MAX: Final = 60.0
"""How long one batch may take before the decoder is said to hang; it takes a fraction of a second."""

START_SECONDS_MAX: Final = 60.0


class Watched:
    """A child process that decodes batches, made again after each that it does not survive."""

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "tests.fuzz.worker")) -> None:
        """Start nothing yet."""
        self._command = command
        self._child: subprocess.Popen[str] | None = None

    def try_batch(
        self, seed: str, size: int, places: Sequence[int] | None = None, seconds_max: float = BATCH_SECONDS_MAX
    ) -> Outcome:
        """Decode a batch in the child; what ends the child, or takes longer than it may, is a finding."""
        child = self._child = self._child or subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps({"seed": seed, "size": size, "places": places}) + "\n")
            child.stdin.flush()
        except BrokenPipeError:
            return self._lost(f"the decoder ended the process before it began: {child.wait()}")
        ready, _, _ = select.select([child.stdout], [], [], seconds_max)
        if not ready:
            child.kill()
            return self._lost(f"the decoder hung: no answer in {seconds_max} seconds")
        line = child.stdout.readline()
        if not line:
            return self._lost(f"the decoder ended the process with exit code {child.wait()}")
        return Outcome(**json.loads(line))

    def smallest(self, seed: str, size: int) -> list[int]:
        """Return the places of few records of a batch that are enough for a finding, by halving."""
        places = [*range(size)]
        while len(places) > 1:
            middle = len(places) // 2
            for half in (places[:middle], places[middle:]):
                if self.try_batch(seed, size, half).finding is not None:
                    places = half
                    break
            else:
                # It takes both: a batch decoder is not asked for few records.
                break
        return places

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def __enter__(self) -> Self:
        """Return the watcher itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the child."""
        self.close()

    def _lost(self, finding: str) -> Outcome:
        self.close()
        return Outcome(finding=finding)
