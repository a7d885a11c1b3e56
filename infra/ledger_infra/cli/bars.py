"""Progress on standard error for work that takes long: the first download, a replay, a feed."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


def counting_bar(console: Console) -> Progress:
    """Return a bar that counts things done out of a total, with the time that it took."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


class DownloadBar:
    """Shows how many of the broker's files are there; stays silent when all of them were."""

    def __init__(self, console: Console) -> None:
        """Show on `console`."""
        self._bar = counting_bar(console)
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Return itself; nothing is shown until the first file."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave the last state on the screen."""
        if self._task is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int, name: str) -> None:
        """Show `done` of `total` files, the last of them `name`."""
        if self._task is None:
            self._bar.start()
            self._task = self._bar.add_task("Fetching Apache Kafka", total=total)
        finished = done >= total
        self._bar.update(self._task, completed=done, description="Fetched Apache Kafka" if finished else name[:48])
        if finished:
            self._bar.stop()
