"""`contracts`: what events look like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from deploy.cli.console import err
from deploy.local.errors import StackError
from shared.contracts import Event, registry
from shared.contracts.compatibility import breaks
from shared.contracts.schema_files import SCHEMAS, current_schemas, golden_schemas, render, schema_of, write_golden
from shared.messaging.asyncapi import build_asyncapi

_ROOT = Path(__file__).resolve().parents[3]
ASYNCAPI = _ROOT / "docs" / "asyncapi.json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(contracts)


def contracts(
    event_type: Annotated[str | None, typer.Argument(help="An event type; without one, all are listed.")] = None,
    example: Annotated[  # noqa: FBT002 - Typer makes options of them
        bool, typer.Option("--example", help="Print an example as one line for `recourse publish`.")
    ] = False,
    write: Annotated[  # noqa: FBT002
        bool, typer.Option("--write", help="Write the golden schemas and docs/asyncapi.json from the models.")
    ] = False,
    allow_breaking: Annotated[  # noqa: FBT002
        bool, typer.Option("--allow-breaking", help="Write even what breaks older readers or writers.")
    ] = False,
) -> None:
    """List the event types, or print the JSON Schema or an example of one."""
    if write:
        _write(allow_breaking=allow_breaking)
    elif event_type is None:
        _list()
    elif example:
        contract = _find(event_type)
        typer.echo(orjson.dumps({"type": contract.type, "data": contract.example}))
    else:
        typer.echo(render(schema_of(_find(event_type))), nl=False)


def _list() -> None:
    listed = sorted(registry().values(), key=lambda each: (each.topic, each.type))
    width = max(len(contract.type) for contract in listed)
    for contract in listed:
        about = (contract.__doc__ or "").partition("\n")[0]
        typer.echo(f"{contract.type:<{width}}  {contract.topic:<14}  {about}")


def _find(event_type: str) -> type[Event]:
    contract = registry().get(event_type)
    if contract is None:
        raise StackError(f"There is no event type '{event_type}': `recourse contracts` lists them.")
    return contract


def _write(*, allow_breaking: bool) -> None:
    current = current_schemas()
    found = breaks(golden_schemas(SCHEMAS), current)
    if found and not allow_breaking:
        lines = "\n".join(str(each) for each in found)
        raise StackError(f"{lines}\nGive the changed event a new version of its type instead, or use --allow-breaking.")
    changed = write_golden(current, SCHEMAS)
    document = render(build_asyncapi())
    if not ASYNCAPI.exists() or ASYNCAPI.read_text(encoding="utf-8") != document:
        ASYNCAPI.write_text(document, encoding="utf-8")
        changed.append(ASYNCAPI)
    for path in changed:
        err.print(f"wrote {path.name}", markup=False)
    if not changed:
        err.print("Everything is current.")
