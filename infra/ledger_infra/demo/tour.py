"""The tour: real notifications through a real Kafka into DuckDB, a SIGKILL in the middle, the answers, a rebuild."""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console
from rich.table import Table

from ledger_infra.broker import NativeKafka
from ledger_infra.cli.bars import DownloadBar, counting_bar
from ledger_infra.demo.checks import Finding, compare_digests, compare_with_fed
from ledger_infra.demo.five_apis import ask_five_apis
from ledger_infra.demo.lifecycles import SKEWED_YEARS
from ledger_infra.demo.questions import ask_questions
from ledger_infra.demo.samples import VENDORS, sample_events, vendor_samples
from ledger_infra.demo.stream import StreamPlan, StreamTally, generate
from ledger_infra.demo.victim import ProjectorProcess
from ledger_infra.paths import kafka_dir, prepare_data_dir, read_model_path
from ledger_infra.settings import Settings
from ledger_producers import Emitter
from ledger_projectors.progress import Progress as ProjectorProgress
from ledger_projectors.publish.rebuild import rebuild
from ledger_schemas import Event, KafkaConnection, TopicSpec
from ledger_schemas.errors import BadRequest, ReadModelsDiffer
from ledger_schemas.topic import ensure_topic, schemas_topic_spec

FEED_BATCH_EVENTS: Final = 2_000
"""Events that are under way to the log at once."""

KILL_AT_SHARE: Final = 0.5
"""How much of the stream has been fed when the projector is killed."""

FAST_CLOCK: Final = datetime(max(SKEWED_YEARS) + 1, 1, 1, tzinfo=UTC)
"""What the emitter's clock says. Some services of the stream have a clock in 2200, and an emitter each that believes
it; here one emitter speaks for all."""

EXIT_CODE_TERMINATED: Final = 128 + signal.SIGTERM
"""What a shell calls the end of a process that SIGTERM ended."""


def take_tour(settings: Settings, data_dir: Path | None, notifications: int, console: Console) -> int:
    """Take the tour on `console`; return 0 if nothing was lost or doubled and the rebuild is equal, else 1.

    It runs on a broker of its own, whatever `settings` name, and keeps its data only when `data_dir` is given: a
    directory without a ledger in it. Raises what a start of the broker raises, BadRequest and ProjectorFailed. SIGTERM
    ends it with SystemExit(143), and then too no process is left. To be called on the main thread.
    """
    if data_dir is not None and (read_model_path(data_dir).exists() or kafka_dir(data_dir).exists()):
        raise BadRequest(
            f"{data_dir} holds a ledger already.", hint="The tour wants an empty directory.", field="data_dir"
        )
    started = time.perf_counter()
    with _sigterm_exits(), ExitStack() as stack:
        place = (
            prepare_data_dir(data_dir)
            if data_dir
            else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="notification-ledger-")))
        )
        findings = _Tour(settings, place, notifications, console).take(stack)
    _show_verdict(findings, time.perf_counter() - started, data_dir, console)
    return 0 if all(finding.holds for finding in findings) else 1


class _Tour:
    def __init__(self, settings: Settings, place: Path, notifications: int, console: Console) -> None:
        self._settings = settings
        self._place = place
        self._plan = StreamPlan(notifications=notifications)
        self._console = console
        self._topic = TopicSpec()
        self._tally = StreamTally()

    def take(self, stack: ExitStack) -> list[Finding]:
        kafka = self._start_broker(stack)
        victim = stack.enter_context(ProjectorProcess(self._place, kafka.bootstrap_servers))
        findings = asyncio.run(self._feed_and_kill(kafka.connection, victim))
        self._say("4", "The projector starts again and catches up")
        victim.run_until_caught_up()
        self._console.print("   caught up; exit code 0", highlight=False, soft_wrap=True)
        findings += compare_with_fed(read_model_path(self._place), self._tally)
        self._show_findings("Nothing lost, nothing doubled", findings)
        self._say("5", "What the ledger answers")
        ask_questions(self._place, self._console)
        self._say("6", "What it answers as each of the five vendors' APIs")
        answers = asyncio.run(ask_five_apis(self._place, kafka.connection, self._console))
        self._show_findings("One truth, five APIs", answers)
        findings += answers
        self._say("7", "A rebuild from zero: the log replayed into a new file, and the two compared")
        findings.append(asyncio.run(self._rebuild(kafka.connection)))
        return findings

    def _start_broker(self, stack: ExitStack) -> NativeKafka:
        self._say("1", "A real Apache Kafka on this machine")
        started = time.perf_counter()
        with DownloadBar(self._console) as download:
            kafka = stack.enter_context(
                NativeKafka(kafka_dir(self._place), cache_dir=self._settings.cache_dir, progress=download)
            )
        asyncio.run(ensure_topic(kafka.connection, self._topic))
        asyncio.run(ensure_topic(kafka.connection, schemas_topic_spec()))
        self._console.print(
            f"   {kafka.bootstrap_servers}, topic {self._topic.name} with {self._topic.partitions} partitions, "
            f"after {time.perf_counter() - started:.1f} s",
            highlight=False,
            soft_wrap=True,
        )
        return kafka

    async def _feed_and_kill(self, connection: KafkaConnection, victim: ProjectorProcess) -> list[Finding]:
        victim.start()
        async with Emitter(connection, source="tour", topic=self._topic, clock=lambda: FAST_CLOCK) as emitter:
            self._say("2", "The notifications of five vendors' own API documents")
            await self._feed(emitter, sample_events())
            table = Table("vendor", "notifications", "events", box=None, padding=(0, 3))
            for vendor in VENDORS:
                table.add_row(vendor, str(len(vendor_samples(vendor))), str(len(sample_events(vendor))))
            self._console.print(table)
            self._say("3", f"A realistic stream of {self._plan.notifications:,} notifications")
            return await self._feed_stream(emitter, victim)

    async def _feed_stream(self, emitter: Emitter, victim: ProjectorProcess) -> list[Finding]:
        killing: asyncio.Task[Finding] | None = None
        started = time.perf_counter()
        before = self._tally.events
        created = 0
        with counting_bar(self._console) as bar:
            task = bar.add_task("   notifications fed", total=self._plan.notifications)
            stream = generate(self._plan)
            while chunk := list(islice(stream, FEED_BATCH_EVENTS)):
                known = self._tally.notifications
                await self._feed(emitter, chunk)
                created += self._tally.notifications - known
                bar.update(task, completed=created)
                if killing is None and created >= self._plan.notifications * KILL_AT_SHARE:
                    # Beside the feed: the projector dies with work in hand.
                    killing = asyncio.create_task(asyncio.to_thread(self._kill, victim))
            finding = await killing if killing is not None else await asyncio.to_thread(self._kill, victim)
        seconds = time.perf_counter() - started
        fed = self._tally.events - before
        self._console.print(f"   {self._tally.describe()}", highlight=False, soft_wrap=True)
        self._console.print(
            f"   {fed:,} events in {seconds:.1f} s, {fed / seconds:,.0f} a second", highlight=False, soft_wrap=True
        )
        return [finding]

    async def _feed(self, emitter: Emitter, events: Iterable[Event]) -> None:
        for chunk in _chunks(self._tally.counting(events)):
            await emitter.put_many(chunk)

    def _kill(self, victim: ProjectorProcess) -> Finding:
        killed = victim.kill()
        self._console.print(
            f"   [bold red]SIGKILL[/] to the projector (pid {killed.pid}) in the middle: its file states "
            f"{killed.records_before:,} of the {self._tally.events:,} records fed so far",
            highlight=False,
            soft_wrap=True,
        )
        return Finding("the projector died of SIGKILL", "-9", str(killed.exit_code))

    async def _rebuild(self, connection: KafkaConnection) -> Finding:
        started = time.perf_counter()
        with counting_bar(self._console) as bar:
            task = bar.add_task("   records replayed", total=self._tally.events)

            def show(progress: ProjectorProgress) -> None:
                bar.update(task, completed=sum(progress.position.values()))

            try:
                rebuilt = await rebuild(
                    read_model_path(self._place),
                    connection,
                    topic=self._topic.name,
                    partitions=self._topic.partitions,
                    swap=False,
                    on_progress=show,
                )
            except ReadModelsDiffer as error:
                return Finding("the rebuild has the same digest", "equal", error.message)
        finding, table = compare_digests(rebuilt)
        self._console.print(table)
        seconds = time.perf_counter() - started
        self._console.print(
            f"   digest {rebuilt.new.text[:32]}… both times, at {rebuilt.position}, in {seconds:.1f} s", highlight=False
        )
        return finding

    def _say(self, number: str, line: str) -> None:
        self._console.print(f"\n[bold cyan]{number}[/]  [bold]{line}[/]")

    def _show_findings(self, title: str, findings: list[Finding]) -> None:
        self._console.print(_finding_table(title, findings))


@contextmanager
def _sigterm_exits() -> Iterator[None]:
    """Make SIGTERM an exit like any other, which unwinds what the tour has started; a second one changes nothing."""

    def leave(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(EXIT_CODE_TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _chunks(events: Iterable[Event]) -> Iterator[list[Event]]:
    iterator = iter(events)
    while chunk := list(islice(iterator, FEED_BATCH_EVENTS)):
        yield chunk


def _finding_table(title: str, findings: list[Finding]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("what must hold")
    table.add_column("expected", justify="right")
    table.add_column("found", justify="right")
    table.add_column("")
    for finding in findings:
        verdict = "[green]holds[/]" if finding.holds else "[bold red]BROKEN[/]"
        table.add_row(finding.what, finding.expected, finding.found, verdict)
    return table


def _show_verdict(findings: list[Finding], seconds: float, data_dir: Path | None, console: Console) -> None:
    broken = [finding for finding in findings if not finding.holds]
    console.print()
    if broken:
        console.print(_finding_table("These do not hold", broken))
        console.print("[bold red]The tour failed.[/]")
        return
    console.print(
        f"[bold green]Everything held[/]: {len(findings)} checks in {seconds:.0f} s.", highlight=False, soft_wrap=True
    )
    if data_dir is not None:
        console.print(f"Go on with: notification-ledger up --data-dir {data_dir}", highlight=False, soft_wrap=True)
    else:
        console.print("Go on with: notification-ledger up", highlight=False, soft_wrap=True)
