"""`python -m deploy.local.mailserver`: SMTP server, mail page and delivery reports in one process."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Literal

import uvloop

from deploy.local.mailserver.mailbox import Mailbox
from deploy.local.mailserver.page import build_page
from deploy.local.mailserver.reporter import Reporter
from deploy.local.mailserver.smtp import Handler, smtp_serving
from shared.messaging import KafkaSettings
from shared.settings import KafkaAccess, SettingsError, load_settings
from shared.telemetry import configure_logging
from shared.web.server import serving, stop_on_signals


class MailSettings(KafkaAccess):
    """Each field `x_y` is read from `RECOURSE_X_Y`. `mail_slow_seconds` is how late `slow...` addresses get mail."""

    smtp_port: int = 8125
    mail_host: str = "127.0.0.1"
    mail_page_port: int = 8126
    mail_dir: Path
    mail_slow_seconds: float = 10.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"


async def serve(settings: MailSettings) -> None:
    """Run until the process is asked to stop."""
    stop = stop_on_signals()
    mailbox = Mailbox(settings.mail_dir, slow_seconds=settings.mail_slow_seconds)
    reporter = Reporter(mailbox, KafkaSettings.of(settings))
    reporting = asyncio.create_task(reporter.run())
    # A reporter that ends can only have failed: the process then ends too, instead of going quiet.
    reporting.add_done_callback(lambda _task: stop.set())
    async with (
        smtp_serving(Handler(mailbox, reporter.add), settings.mail_host, settings.smtp_port),
        serving(build_page(mailbox), settings.mail_host, settings.mail_page_port),
    ):
        await stop.wait()
    reporting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reporting


def main() -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit status."""
    try:
        settings = load_settings(MailSettings)
    except SettingsError as error:
        sys.stderr.write(f"mail: {error}\n")
        return 2
    configure_logging("mail", level=settings.log_level, log_format="text")
    uvloop.run(serve(settings))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
