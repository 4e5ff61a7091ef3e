"""`publish`: events of a file onto Kafka, all of them checked first."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from deploy.cli.connection import BootstrapServers, kafka_settings, run_kafka
from deploy.cli.console import LiveProgress, err
from deploy.cli.event_lines import DEFAULT_SOURCE, EventLine, InvalidLine, read_events
from deploy.local.errors import StackError
from shared.messaging import EventPublisher, KafkaSettings, Publication

EXIT_INVALID = 3
_BATCH = 1000
_FAULTS_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(publish)


def publish(
    file: Annotated[str, typer.Argument(help="A file with one event in JSON on each line; - reads standard input.")],
    skip_invalid: Annotated[  # noqa: FBT002 - Typer makes an option of it
        bool, typer.Option("--skip-invalid", help="Publish the valid events of a file that has invalid ones.")
    ] = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Publish events: each line is a CloudEvent with `type` and `data`, and may have `id`, `source` and `time`.

    Every line is checked against its contract before the first is published. An event with an `id` takes effect
    once, however often it is published. Exit status: 0 when all is published, 3 when a line was invalid (then nothing
    is published, or with --skip-invalid the valid rest), 1 when Kafka or the file cannot be had.

    An example to try: `recourse contracts recourse.purchase.completed.v1 --example | recourse publish -`
    """
    kafka = kafka_settings(bootstrap_servers)
    with _opened(file) as events, LiveProgress() as progress:
        check = _check(events, progress, show_all=skip_invalid)
        if check.invalid and not skip_invalid:
            err.print(f"{check.invalid} of {check.valid + check.invalid} events are invalid; nothing was published.")
            raise typer.Exit(EXIT_INVALID)
        if check.valid:
            run_kafka(_publish(kafka, events, check, progress), kafka)
    skipped = f"; invalid lines skipped: {check.invalid}" if check.invalid else ""
    err.print(f"Published {check.valid} events{skipped}.")
    if check.invalid:
        raise typer.Exit(EXIT_INVALID)


@dataclass
class _Check:
    """What the first pass found: events, faulty lines, and the size of the file in bytes."""

    size: int
    valid: int = 0
    invalid: int = 0


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """The file, or a copy of standard input: it is read twice."""
    if name == "-":
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
            yield copy
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - closed below; only opening it may be the user's fault
    except OSError as error:
        raise StackError(f"{name} cannot be read: {error.strerror}.") from error
    with file:
        yield file


def _check(file: BinaryIO, progress: LiveProgress, *, show_all: bool) -> _Check:
    check = _Check(file.seek(0, 2))
    file.seek(0)
    for line in read_events(file):
        if isinstance(line, EventLine):
            check.valid += 1
            if check.valid % _BATCH == 0:
                progress.advance("Checking", line.end, check.size)
            continue
        check.invalid += 1
        _show(line, check.invalid, show_all=show_all)
    progress.advance("Checking", check.size, check.size)
    return check


def _show(line: InvalidLine, count: int, *, show_all: bool) -> None:
    if show_all or count <= _FAULTS_SHOWN:
        err.print(str(line), markup=False, soft_wrap=True)
    elif count == _FAULTS_SHOWN + 1:
        err.print("More lines are invalid; these are the first.")


async def _publish(kafka: KafkaSettings, file: BinaryIO, check: _Check, progress: LiveProgress) -> None:
    file.seek(0)
    published = 0
    async with EventPublisher(kafka, source=DEFAULT_SOURCE) as publisher:
        try:
            for batch, end in _batches(file):
                await publisher.send(batch)
                published += len(batch)
                progress.advance("Publishing", end, check.size)
        except BaseException:
            err.print(
                f"Kafka has the first {published} of {check.valid} events, and perhaps some more. Run it again: "
                "what has an id takes effect once.",
                soft_wrap=True,
            )
            raise
    progress.advance("Publishing", check.size, check.size)


def _batches(file: BinaryIO) -> Iterator[tuple[list[Publication], int]]:
    """Publications, and where in the file they end."""
    batch: list[Publication] = []
    end = 0
    for line in read_events(file):
        if not isinstance(line, EventLine):
            continue
        batch.append(line.publication)
        end = line.end
        if len(batch) == _BATCH:
            yield batch, end
            batch = []
    if batch:
        yield batch, end
