"""Makes the keys of all phone numbers anew after the rule for them or the region has changed."""

import asyncio

from services.accounts.customers import store
from services.accounts.customers.phones import Phones
from services.accounts.locks import lock_accounts
from shared.messaging import UnitOfWork
from shared.setbacks import tell
from shared.waiting import sweep_until

JOB = "phone numbers to read anew"
_PIECE = 200
_PAUSE_SECONDS = 300


class PhoneKeys:
    """Goes through all customers once for a region. Replicas may all run it; one of them works at a time."""

    def __init__(self, unit_of_work: UnitOfWork, phones: Phones) -> None:
        self._unit_of_work = unit_of_work
        self._phones = phones

    async def run(self, stop: asyncio.Event) -> None:
        """Make keys until `stop` is set; faults that pass are waited out."""
        await sweep_until(stop, self.make, pause=_PAUSE_SECONDS, looking_for=JOB)

    async def make(self) -> bool:
        """Make the keys of the next customers; false when there are none."""
        region = self._phones.region
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            after = await store.lock_phone_keys(connection, region)
            if after is None:
                return False
            found = await store.phones_after(connection, after, limit=_PIECE)
            made = [(each, phone, self._key(each, phone, key)) for each, phone, key in found]
            changed = sorted(set(made) - set(found))
            if changed:
                await lock_accounts(connection, [each for each, _, _ in changed])
                await store.set_phone_keys(connection, changed)
            await store.move_phone_keys(connection, region, found[-1][0] if len(found) == _PIECE else None)
        return len(found) == _PIECE

    def _key(self, customer_id: str, phone: str, as_it_was: str | None) -> str | None:
        try:
            return self._phones.key(phone)
        except Exception as error:  # noqa: BLE001 - one number that nobody foresaw must not keep the others
            tell(JOB, error, row=customer_id)
            return as_it_was
