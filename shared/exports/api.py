"""HTTP operations that hand out all that a service holds about a customer."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from shared import audit
from shared.csv_lines import csv_head, csv_line
from shared.db import Connection
from shared.exports.sections import Section
from shared.messaging import UnitOfWork
from shared.web import CUSTOMER_NOT_FOUND, CustomerPath, RequestContext, Stream, no_customer, operation

# All ids of a customer; none when there is no such customer.
IdsOf = Callable[[Connection, str], Awaitable[Sequence[str]]]
_Format = Literal["jsonl", "csv"]
# (section, customer id, number of the row in it, the row)
_Row = tuple[str, str, int, Mapping[str, Any]]

_HEADER = ("section", "customer_id", "row", "field", "value")


async def one_id(_: Connection, customer_id: str) -> Sequence[str]:
    """The ids in a service that knows each customer only by the one id that events name."""
    return [customer_id]


class ExportApi:
    """Exports the sections of one service; `others` are the services that hold more."""

    def __init__(
        self,
        unit_of_work: UnitOfWork,
        service: str,
        sections: Sequence[Section],
        *,
        ids_of: IdsOf = one_id,
        others: Sequence[str] = (),
    ) -> None:
        self._unit_of_work = unit_of_work
        self._service = service
        self._sections = sections
        self._ids_of = ids_of
        self._others = others

    @operation("GET", "/v1/customers/{customer_id}/export.jsonl", permission="customers:export",
               produces="application/x-ndjson", summary="All that is held about a customer, as JSON lines",
               tags=("export",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def export_json(self, ctx: RequestContext, path: CustomerPath) -> Stream:
        """One JSON object for each row: `section` names the table, the other members are its columns.

        The first one says what this is, and in `continued_at` where the other services have their part.
        """
        return await self._export(ctx, path, "jsonl")

    @operation("GET", "/v1/customers/{customer_id}/export.csv", permission="customers:export", produces="text/csv",
               summary="All that is held about a customer, as CSV", tags=("export",),
               problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def export_csv(self, ctx: RequestContext, path: CustomerPath) -> Stream:
        """One line for each field of each row: section, customer id, number of the row, field, value.

        Cells that a spreadsheet would compute are preceded by an apostrophe.
        """
        return await self._export(ctx, path, "csv")

    async def _export(self, ctx: RequestContext, path: CustomerPath, kind: _Format) -> Stream:
        customer_id = path.customer_id
        async with self._unit_of_work.begin() as transaction:
            ids = await self._ids_of(transaction.connection, customer_id)
            if not ids:
                raise no_customer(customer_id)
            change = audit.Change(
                "customers.export", f"export:{customer_id}", customer_id=customer_id, after={"format": kind}
            )
            await audit.record(transaction.connection, ctx, change)
        rows = self._rows(ids, self._about(ids, kind))
        chunks = _json_lines(rows) if kind == "jsonl" else _csv_lines(rows)
        return Stream.file(chunks, f"{self._service}-{customer_id}.{kind}")

    def _about(self, ids: Sequence[str], kind: _Format) -> Mapping[str, Any]:
        return {
            "service": self._service,
            "customer_ids": list(ids),
            "exported_at": datetime.now(UTC),
            "continued_at": [
                {"service": other, "path": f"/v1/customers/{each}/export.{kind}"}
                for other in self._others
                for each in ids
            ],
        }

    async def _rows(self, ids: Sequence[str], about: Mapping[str, Any]) -> AsyncIterator[list[_Row]]:
        yield [("about", ids[0], 1, about)]
        for section in self._sections:
            number = 0
            for customer_id in ids:
                async for piece in section.pieces(self._unit_of_work.database, customer_id):
                    yield [(section.name, customer_id, number + n, row) for n, row in enumerate(piece, start=1)]
                    number += len(piece)


async def _json_lines(pieces: AsyncIterator[list[_Row]]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield b"".join(
            orjson.dumps(
                {"section": section, "customer_id": customer_id, **row},
                default=_text,
                option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z,
            )
            for section, customer_id, _, row in piece
        )


async def _csv_lines(pieces: AsyncIterator[list[_Row]]) -> AsyncIterator[bytes]:
    yield csv_head(_HEADER)
    async for piece in pieces:
        yield "".join(_cells(piece)).encode()


def _cells(piece: Sequence[_Row]) -> Iterable[str]:
    for section, customer_id, number, row in piece:
        for field, value in row.items():
            yield csv_line((section, customer_id, number, field, _cell(value)))


def _cell(value: Any) -> str | int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str | datetime | UUID):
        return value.isoformat() if isinstance(value, datetime) else str(value)
    return orjson.dumps(value, default=_text, option=orjson.OPT_UTC_Z).decode()


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
