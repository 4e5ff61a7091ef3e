"""The SMTP side: says yes only to what was written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.mailserver.behaviour import is_refused
from deploy.local.mailserver.mailbox import Journal, Mailbox
from shared.telemetry import get_logger

MAX_MESSAGE_BYTES = 10_000_000

log = get_logger(__name__)


class Handler:
    """aiosmtpd calls these methods by name; `on_stored` hears of every accepted message."""

    def __init__(self, mailbox: Mailbox, on_stored: Callable[[Journal], None]) -> None:
        self._mailbox = mailbox
        self._on_stored = on_stored

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse addresses that start with `refuse`."""
        del server, session
        if is_refused(address):
            return "550 5.1.1 recipient refused"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 recipient accepted"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Store the message, then accept it; what cannot be stored is to be sent again later."""
        del server, session
        content = envelope.content
        data = content.encode() if isinstance(content, str) else content or b""
        try:
            # A sender that goes away meanwhile cancels this call, but what is stored has to be reported.
            journal = await asyncio.shield(self._store(data, envelope.mail_from or "", list(envelope.rcpt_tos)))
        except OSError as error:
            log.warning("mail cannot be stored", reason=str(error))
            return "451 4.3.0 cannot be stored now"
        return f"250 2.0.0 accepted as {journal.mail_id}"

    async def _store(self, data: bytes, sender: str, recipients: list[str]) -> Journal:
        journal = await asyncio.to_thread(self._mailbox.store, data, sender=sender, recipients=recipients)
        self._on_stored(journal)
        log.info("mail accepted", mail_id=journal.mail_id, message_id=journal.message_id)
        return journal


@asynccontextmanager
async def smtp_serving(handler: Handler, host: str, port: int) -> AsyncIterator[None]:
    """Accept mail at `host`:`port` for the duration of the block."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(
            handler,
            hostname="localhost",
            ident="recourse local mail",
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            loop=loop,
        ),
        host,
        port,
    )
    async with server:
        yield
