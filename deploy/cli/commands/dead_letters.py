"""`dead-letters`: what could not be handled, over the services' APIs."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar
from uuid import uuid4

import aiohttp
import typer
from rich.table import Column, Table

from deploy.cli.connection import operator_token, service_url
from deploy.cli.console import err, out, told
from deploy.local.errors import StackError

T = TypeVar("T")

_PATH = "/v1/dead-letters"
_EXIT_STILL_DEAD = 3
_LETTER = " {:36}  {:20}  {:16}  {:>5}  {}"

Service = Annotated[str, typer.Option(help="Whose dead letters: accounts, tickets, notifications or loyalty.")]
Url = Annotated[str | None, typer.Option(help="The service's base URL; else the local stack's.", show_default=False)]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="RECOURSE_TOKEN", help="A bearer token; else a supervisor's of the local stack.", show_default=False
    ),
]
Note = Annotated[str, typer.Option(help="Why; it is kept in the audit trail.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="List, look at, replay and discard what a service could not handle.", no_args_is_help=True)
    group.command("list")(list_letters)
    for command in (show, replay, discard):
        group.command()(command)
    app.add_typer(group, name="dead-letters")


def list_letters(
    service: Service,
    state: Annotated[str, typer.Option(help="dead, replayed or discarded.")] = "dead",
    fingerprint: Annotated[str | None, typer.Option(help="Only letters of this group.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many letters.")] = 25,
    url: Url = None,
    token: Token = None,
) -> None:
    """List dead letters: the groups of one cause, and the newest letters."""
    client = _Client(service_url(service, url), operator_token(token))
    query = {"state": state, "limit": str(limit)} | ({"fingerprint": fingerprint} if fingerprint else {})
    groups, letters = _run(_groups_and_letters(client, query), client)
    if not letters["items"]:
        err.print(f"{service} has no {state} letters.")
        return
    _print_groups([each for each in groups["items"] if fingerprint in {None, each["fingerprint"]}])
    _print_letters(letters["items"])


def _print_groups(groups: list[dict[str, Any]]) -> None:
    folded = [Column(name, overflow="fold") for name in ("topic", "type", "reason")]
    table = Table(Column("group", no_wrap=True, min_width=16), "letters", *folded, box=None)
    for each in groups:
        reason = f"{each['code']}: {each['sample_detail']}"
        cells = map(told, (each["topic"], each["event_type"] or "-", reason))
        table.add_row(each["fingerprint"], str(each["count"]), *cells)
    out.print(table)


def _print_letters(letters: list[dict[str, Any]]) -> None:
    # No table, which would be cut to the width of the terminal: the other commands are given what stands here.
    typer.echo(_LETTER.format("letter", "since", "group", "tries", "customer"))
    for each in letters:
        since, customer = f"{each['created_at'][:19]}Z", each["customer_id"] or "-"
        typer.echo(_LETTER.format(each["id"], since, each["fingerprint"], each["attempts"], customer))


def show(letter_id: str, service: Service, url: Url = None, token: Token = None) -> None:
    """Show a dead letter with its record, which may hold personal data."""
    client = _Client(service_url(service, url), operator_token(token))
    typer.echo(json.dumps(_run(client.get(f"/{letter_id}"), client), indent=2, ensure_ascii=False))


def replay(
    service: Service,
    note: Note,
    letter_id: Annotated[str | None, typer.Argument(help="A letter; or give --fingerprint.")] = None,
    fingerprint: Annotated[str | None, typer.Option(help="Replay all letters of this group.")] = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Apply a dead letter, or a group of them, again. Exit status 3 when one failed again and stays dead."""
    _require_one(letter_id, fingerprint)
    client = _Client(service_url(service, url), operator_token(token))
    if letter_id is not None:
        letter = _run(client.post(f"/{letter_id}/replay", {"note": note}), client)
        reason = f": {letter['code']}: {letter['detail']}" if letter["state"] == "dead" else ""
        err.print(f"{letter_id} is {letter['state']}{reason}", markup=False, soft_wrap=True)
        still_dead = int(letter["state"] == "dead")
    else:
        done = _run(_settle_group(client, "replay", {"fingerprint": fingerprint, "note": note}), client)
        still_dead = done["still_dead"]
        err.print(f"{done['replayed']} letters were replayed, {still_dead} are still dead.")
    if still_dead:
        raise typer.Exit(_EXIT_STILL_DEAD)


def discard(
    service: Service,
    note: Note,
    letter_id: Annotated[str | None, typer.Argument(help="A letter; or give --fingerprint.")] = None,
    fingerprint: Annotated[str | None, typer.Option(help="Discard all letters of this group.")] = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Give a dead letter, or a group of them, up for ever, and apply what waits behind."""
    _require_one(letter_id, fingerprint)
    client = _Client(service_url(service, url), operator_token(token))
    if letter_id is None:
        done = _run(_settle_group(client, "discard", {"fingerprint": fingerprint, "note": note}), client)
        err.print(f"{done['discarded']} letters were discarded.")
        return
    letter = _run(client.post(f"/{letter_id}/discard", {"note": note}), client)
    err.print(f"{letter_id} is {letter['state']}", markup=False)


def _require_one(letter_id: str | None, fingerprint: str | None) -> None:
    if (letter_id is None) == (fingerprint is None):
        raise StackError("Name either a letter or a group with --fingerprint.")


class _Client:
    """The dead letters of one service."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str, query: dict[str, str] | None = None) -> Any:
        return await self._call("GET", path, params=query or {})

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        return await self._call("POST", path, json=body, headers={"Idempotency-Key": str(uuid4())})

    async def _call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> Any:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as session,
            session.request(
                method, self.url + _PATH + path, headers=self._headers | (headers or {}), **options
            ) as response,
        ):
            body = _object(await response.read())
            if body is None:
                raise StackError(
                    f"{self.url} answers {response.status}, but not as a service does: is it the right URL?"
                )
            if response.status >= 300:
                raise StackError(_problem(body))
            return body


def _object(content: bytes) -> Any:
    """The JSON object, None for anything else: a proxy answers with a page when nothing is behind it."""
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _problem(body: dict[str, Any]) -> str:
    fields = "; ".join(f"{error['field']}: {error['message']}" for error in body.get("errors", ()))
    return ": ".join(part for part in (body.get("title", "The service refused"), body.get("detail"), fields) if part)


async def _groups_and_letters(client: _Client, query: dict[str, str]) -> tuple[Any, Any]:
    return await client.get("/groups", {"state": query["state"]}), await client.get("", query)


async def _settle_group(client: _Client, action: str, body: dict[str, Any]) -> Counter[str]:
    """How many letters became what, step by step."""
    done = Counter[str]()
    after: str | None = None
    while True:
        step = await client.post(f"/{action}", body | {"after": after})
        after = step.pop("next_after")
        done.update(step)
        if after is None:
            return done


def _run(work: Coroutine[Any, Any, T], client: _Client) -> T:
    try:
        return asyncio.run(work)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise StackError(f"{type(error).__name__}\n{client.url} does not answer: is the service running?") from error
