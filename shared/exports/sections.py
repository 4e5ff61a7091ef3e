"""Rows of a customer, table by table, in pieces that keep no connection while the caller reads slowly."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.db import Database

PIECE = 500


@dataclass(frozen=True, slots=True)
class Section:
    """One table, or several joined, that hold rows of a customer.

    `keys` sort a customer's rows and are different for each; `owner` is the column with the customer's id; what is
    `hidden` means nothing outside of the database. All of it is constant text of the service.
    """

    name: str
    source: str
    keys: tuple[str, ...]
    owner: str = "customer_id"
    columns: str = "*"
    hidden: frozenset[str] = frozenset()

    async def pieces(self, database: Database, customer_id: str) -> AsyncIterator[list[dict[str, Any]]]:
        """The rows of a customer in the order of the keys."""
        after: Sequence[Any] = ()
        while True:
            async with database.read() as connection:
                rows = await connection.fetch(self._statement(following=bool(after)), customer_id, *after)
            if rows:
                yield [{name: value for name, value in row.items() if name not in self.hidden} for row in rows]
            if len(rows) < PIECE:
                return
            after = [rows[-1][key.rpartition(".")[2]] for key in self.keys]

    def _statement(self, *, following: bool) -> str:
        keys = ", ".join(self.keys)
        places = ", ".join(f"${number}" for number in range(2, len(self.keys) + 2))
        condition = f" and ({keys}) > ({places})" if following else ""
        return (
            f"select {self.columns} from {self.source} "  # noqa: S608 - constants of the service
            f"where {self.owner} = $1{condition} order by {keys} limit {PIECE}"
        )


# What people did about the customer: the same tables in every service.
AUDIT_TRAIL = Section(
    "audit_trail",
    "audit_entries e left join audit_personal p on p.entry_id = e.id",
    ("e.id",),
    owner="e.customer_id",
    columns="""e.id, e.at, e.actor, e.role, e.action, e.object_kind, e.object_id,
        e.before || coalesce(p.before, '{}') as before, e.after || coalesce(p.after, '{}') as after, e.reason,
        e.request_id""",
)
