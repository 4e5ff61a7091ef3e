"""Folds all names anew after the rule for it has changed."""

import asyncio

from services.accounts.locks import lock_accounts
from services.accounts.search import names_store as store
from services.accounts.search.folding import was_folded_otherwise
from shared.messaging import UnitOfWork
from shared.waiting import sweep_until

JOB = "names to fold anew"
_PIECE = 500
_PAUSE_SECONDS = 300


class NameFolds:
    """Goes through all customers once for a version of the rule. Replicas may all run it; one works at a time."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work

    async def run(self, stop: asyncio.Event) -> None:
        """Fold until `stop` is set; faults that pass are waited out."""
        await sweep_until(stop, self.fold, pause=_PAUSE_SECONDS, looking_for=JOB)

    async def fold(self) -> bool:
        """Fold the names of the next customers; false when there are none."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            after = await store.lock_folds(connection)
            if after is None:
                return False
            found = await store.names_after(connection, after, limit=_PIECE)
            changed = sorted(
                each.customer_id for each in found if was_folded_otherwise(each.first_name, each.last_name)
            )
            if changed:
                await lock_accounts(connection, changed)
                await store.index_anew(connection, changed)
            await store.move_folds(connection, found[-1].customer_id if len(found) == _PIECE else None)
        return len(found) == _PIECE
