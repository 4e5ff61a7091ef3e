"""Publishes delivery reports when they are due, until Kafka has them, across restarts of either side."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from pydantic import ValidationError

from deploy.local.mailserver.mailbox import Journal, Mailbox, Report
from shared.contracts import DeliveryReported
from shared.messaging import EventPublisher, KafkaError, KafkaSettings, Publication
from shared.telemetry import get_logger
from shared.waiting import until

PROVIDER = "smtp-local"
_SOURCE = "recourse-mail"
_RETRY_SECONDS = 1.0
_BATCH = 200
# Reports are told together, as providers do.
_PAUSE_SECONDS = 0.1

log = get_logger(__name__)


class Reporter:
    """Keeps the messages that still have something to report; `add` is called on the event loop."""

    def __init__(self, mailbox: Mailbox, kafka: KafkaSettings) -> None:
        self._mailbox = mailbox
        self._kafka = kafka
        self._waiting: dict[str, Journal] = {}
        self._changed = asyncio.Event()

    def add(self, journal: Journal) -> None:
        """Take over a message that was stored."""
        if journal.pending:
            self._waiting[journal.mail_id] = journal
            self._changed.set()

    async def run(self) -> None:
        """Report for ever; starts with what an earlier run left over."""
        for journal in await asyncio.to_thread(lambda: list(self._mailbox.journals())):
            self.add(journal)
        while True:
            try:
                async with EventPublisher(self._kafka, source=_SOURCE) as publisher:
                    await self._run_with(publisher)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("reports wait for Kafka", error=type(error).__name__, mails=len(self._waiting))
                await asyncio.sleep(_RETRY_SECONDS)

    async def _run_with(self, publisher: EventPublisher) -> None:
        while True:
            self._changed.clear()
            while due := self._due():
                await self._publish(publisher, due)
                await asyncio.sleep(_PAUSE_SECONDS)
            await self._wait()

    def _due(self) -> list[tuple[Journal, Report]]:
        now = datetime.now(UTC)
        found = [
            (journal, report) for journal in self._waiting.values() for report in journal.pending if report.due <= now
        ]
        return found[:_BATCH]

    async def _publish(self, publisher: EventPublisher, due: list[tuple[Journal, Report]]) -> None:
        publications = [_publication(journal, report) for journal, report in due]
        reported = [publication for publication in publications if publication is not None]
        await publisher.send(reported)
        for _journal, report in due:
            report.published = True
        journals = {journal.mail_id: journal for journal, _report in due}.values()
        for journal in journals:
            if not journal.pending:
                del self._waiting[journal.mail_id]
        await asyncio.to_thread(self._mailbox.save, journals)
        log.info("deliveries reported", reports=len(reported))

    async def _wait(self) -> None:
        """Until a message is added or the next report is due."""
        times = [report.due for journal in self._waiting.values() for report in journal.pending]
        delay = max(0.0, (min(times) - datetime.now(UTC)).total_seconds()) if times else None
        await until(self._changed, delay)


def _publication(journal: Journal, report: Report) -> Publication | None:
    """The report as an event; its id is the same however often it is published. None if there cannot be one.

    Anybody may send mail here, with ids or to addresses that no event may have.
    """
    try:
        event = DeliveryReported(
            customer_id=str(journal.customer_id),
            message_id=str(journal.message_id),
            state=report.state,
            occurred_at=report.due,
            recipient=report.recipient,
            provider=PROVIDER,
            status_code=report.status_code,
            diagnostic=report.diagnostic,
        )
    except ValidationError as error:
        wrong = sorted({str(each["loc"][0]) for each in error.errors()})
        log.warning("a delivery cannot be reported", mail_id=journal.mail_id, wrong=wrong)
        return None
    event_id = uuid5(NAMESPACE_URL, f"{journal.mail_id}/{report.recipient}/{report.state}")
    return Publication.of(event, source=_SOURCE, event_id=str(event_id))
