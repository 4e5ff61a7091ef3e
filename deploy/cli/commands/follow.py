"""`follow`: the events of a topic as they come, decoded."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import Annotated, Any, TypeGuard

import orjson
import typer

from deploy.cli.connection import BootstrapServers, kafka_settings, run_kafka
from deploy.cli.console import err, out, told
from deploy.local.errors import StackError
from shared.messaging import KafkaSettings, Received
from shared.messaging.cloudevents import payload_of
from shared.messaging.follow import UnknownTopicError
from shared.messaging.follow import follow as follow_topic
from shared.messaging.records import Decoded, Undecodable

Shown = Received[Any] | Undecodable


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(follow)


def follow(
    topic: Annotated[str, typer.Argument(help="A topic, such as tickets or tickets.dead.")],
    customer: Annotated[str | None, typer.Option(help="Only events of this customer.")] = None,
    event_type: Annotated[
        str | None, typer.Option("--type", help="Only events of this type; * stands for anything.")
    ] = None,
    from_beginning: Annotated[  # noqa: FBT002 - Typer makes options of them
        bool, typer.Option("--from-beginning", help="Start with the oldest event that the topic has.")
    ] = False,
    until_now: Annotated[  # noqa: FBT002
        bool, typer.Option("--until-now", help="Show what the topic has and end, instead of waiting for more.")
    ] = False,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="One CloudEvent in JSON on each line, as `recourse publish` takes it.")
    ] = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Show the events of a topic, until Ctrl-C. It reads beside the services and takes nothing away from them."""
    kafka = kafka_settings(bootstrap_servers)
    wanted = _Filter(customer, event_type)
    from_beginning = from_beginning or until_now
    try:
        run_kafka(
            _show(kafka, topic, wanted, from_beginning=from_beginning, to_present=until_now, as_json=as_json), kafka
        )
    except UnknownTopicError as error:
        raise StackError(f"There is no topic '{topic}': choose one of {', '.join(error.topics)}.") from error
    except KeyboardInterrupt:
        return


@dataclass(frozen=True)
class _Filter:
    """Which events to show."""

    customer: str | None
    event_type: str | None

    def takes(self, item: Decoded) -> TypeGuard[Shown]:
        """Whether to show it; what is neither an event nor a fault is not shown."""
        if not isinstance(item, Received | Undecodable):
            return False
        key, event_type = _key(item), _type(item)
        return (self.customer is None or key == self.customer) and (
            self.event_type is None or fnmatch.fnmatchcase(event_type or "", self.event_type)
        )


async def _show(
    kafka: KafkaSettings, topic: str, wanted: _Filter, *, from_beginning: bool, to_present: bool, as_json: bool
) -> None:
    if not from_beginning:
        err.print(f"[dim]Waiting for events on {told(topic)}; Ctrl-C ends.[/]")
    async for item in follow_topic(kafka, topic, from_beginning=from_beginning, to_present=to_present):
        if wanted.takes(item):
            line = _as_json(item) if as_json else _as_text(item)
            if line is not None:
                out.print(line, markup=not as_json, soft_wrap=True)


def _key(item: Shown) -> str | None:
    if isinstance(item, Received):
        return item.key
    return item.ordering_key or (item.record.key.decode(errors="replace") if item.record.key else None)


def _type(item: Shown) -> str | None:
    return item.type if isinstance(item, Received) else item.event_type


def _as_text(item: Shown) -> str:
    record = item.record
    place = f"[dim]{record.partition}/{record.offset}[/]"
    died = record.header("dead-letter-code")
    reason = f" [red]{told(died)}: {told(record.header('dead-letter-detail') or '')}[/]" if died else ""
    if isinstance(item, Received):
        time = item.time.isoformat(timespec="milliseconds") if item.time else "-"
        data = told(payload_of(item.data).decode())
        return f"{place} {time} [cyan]{item.type}[/] [bold]{item.key}[/]{reason} {data}"
    size = len(record.value or b"")
    return f"{place} [red]{item.code}[/] {told(item.detail)} [bold]{told(_key(item) or '-')}[/]{reason} ({size} bytes)"


def _as_json(item: Shown) -> str | None:
    """The event as one line; None for what is none."""
    if not isinstance(item, Received):
        err.print(_as_text(item), soft_wrap=True)
        return None
    event = {
        "specversion": "1.0",
        "id": item.id,
        "source": item.source,
        "type": item.type,
        "time": item.time,
        "subject": item.key,
        "datacontenttype": "application/json",
        "data": orjson.Fragment(payload_of(item.data)),
    }
    return orjson.dumps({name: value for name, value in event.items() if value is not None}).decode()
