"""The notifications service, put together."""

from datetime import timedelta
from pathlib import Path

from services.notifications.correspondence.api import CorrespondenceApi
from services.notifications.correspondence.events import CorrespondenceEvents
from services.notifications.correspondence.templates import Templates
from services.notifications.delivery.jobs import mail_gauges
from services.notifications.delivery.mail import Sender
from services.notifications.delivery.smtp import Server
from services.notifications.delivery.worker import DeliveryWorker
from services.notifications.erasure import events as erasure
from services.notifications.held import SECTIONS
from services.notifications.recipients import events as recipients
from services.notifications.recipients.store import lock_recipients
from services.notifications.settings import NotificationsSettings
from services.notifications.tracking import events as tracking
from services.notifications.unmasking.api import UnmaskingApi
from shared.exports import ExportApi
from shared.service import Context, Parts, Service
from shared.web import operations_of


def build(context: Context[NotificationsSettings]) -> Parts:
    """Give every feature what it needs."""
    templates = Templates(organisation=context.settings.organisation_name)
    return Parts(
        operations=operations_of(
            CorrespondenceApi(context.database),
            UnmaskingApi(context.unit_of_work),
            ExportApi(context.unit_of_work, "notifications", SECTIONS),
        ),
        handlers=[
            *recipients.handlers(),
            *erasure.handlers(),
            *CorrespondenceEvents(templates).handlers(),
            *tracking.handlers(),
        ],
        lock=lock_recipients,
        jobs=[_worker(context).run, mail_gauges(context.database).run],
    )


def _worker(context: Context[NotificationsSettings]) -> DeliveryWorker:
    settings = context.settings
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
    server = Server(
        host=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_username,
        password=password,
        starttls=settings.smtp_starttls,
        timeout=settings.smtp_timeout_seconds,
    )
    return DeliveryWorker(
        context.unit_of_work,
        server=server,
        sender=Sender(settings.organisation_name, settings.mail_from),
        lease=timedelta(seconds=settings.lease_seconds),
        connections=settings.smtp_connections,
    )


SERVICE = Service(
    name="notifications",
    title="Recourse notifications",
    version="0.1.0",
    settings=NotificationsSettings,
    migrations=Path(__file__).parent / "migrations",
    build=build,
)
