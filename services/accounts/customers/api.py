"""HTTP operations on customers."""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from services.accounts.activity import store as activity
from services.accounts.customers import domain, store
from services.accounts.customers.activities import edited, registered
from services.accounts.customers.events import customer_changed
from services.accounts.customers.models import (
    Changes,
    FullProfileView,
    ProfileView,
    Registration,
)
from services.accounts.customers.phones import Phones
from services.accounts.customers.profile import Account, Profile
from services.accounts.locks import lock_accounts, lock_identities
from services.accounts.problems import CUSTOMER_ERASED, CUSTOMER_MERGED, erased, merged
from shared import audit
from shared.audit import Change
from shared.db import Connection
from shared.ids import uuid7
from shared.messaging import Transaction, UnitOfWork
from shared.web import (
    CUSTOMER_NOT_FOUND,
    CustomerPath,
    ProblemType,
    RenderedReply,
    Reply,
    RequestContext,
    no_customer,
    operation,
    wrong_field,
)
from shared.web.etag import check_if_match

RecentActivities = Callable[[Connection, Sequence[str]], Awaitable[Sequence[object]]]

CUSTOMER_EXISTS = ProblemType(409, "customer_exists", "Another customer has this e-mail address or phone number")

_BALANCE_PART = re.compile(r'\.\d+"$')


class CustomersApi:
    """Registration, profile and edits.

    `recent_activities` finds the last activities of a customer, given by all of its ids; `phones` reads numbers.
    """

    def __init__(self, unit_of_work: UnitOfWork, recent_activities: RecentActivities, phones: Phones) -> None:
        self._unit_of_work = unit_of_work
        self._database = unit_of_work.database
        self._recent_activities = recent_activities
        self._phones = phones

    @operation("POST", "/v1/customers", permission="customers:write", status=201, idempotent=True,
               summary="Register a customer", tags=("customers",), problems=(CUSTOMER_EXISTS,))  # fmt: skip
    async def register_customer(self, ctx: RequestContext, body: Registration) -> RenderedReply[ProfileView]:
        """A duplicate is refused and names the customer that there is: member `customer_id` of the problem."""
        async with self._unit_of_work.begin() as transaction:
            return await ctx.once(transaction.connection, lambda: _register(ctx, transaction, body, self._phones))

    @operation("GET", "/v1/customers/{customer_id}", permission="customers:read", summary="Profile of a customer",
               tags=("customers",), problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def get_customer(self, path: CustomerPath) -> Reply[ProfileView]:
        """The details with the balance of the account. The ETag changes with either.

        The id of a merged customer is answered with the survivor, whose `merged_ids` has it.
        """
        async with self._database.read() as connection:
            return _reply(await _existing(connection, path.customer_id))

    @operation("GET", "/v1/customers/{customer_id}/profile", permission="customers:read",
               summary="Details, money and last activities of a customer", tags=("customers",),
               problems=(CUSTOMER_NOT_FOUND,))  # fmt: skip
    async def get_profile(self, path: CustomerPath) -> FullProfileView:
        """In one call what an agent sees first. The id of a merged customer is answered with the survivor."""
        async with self._database.read() as connection:
            profile = await _existing(connection, path.customer_id)
            recent = await self._recent_activities(connection, [each.customer_id for each in profile.accounts])
        return FullProfileView.with_activities(profile, recent)

    @operation("PATCH", "/v1/customers/{customer_id}", permission="customers:write", if_match=True,
               summary="Change a customer's details", tags=("customers",),
               problems=(CUSTOMER_NOT_FOUND, CUSTOMER_EXISTS, CUSTOMER_MERGED, CUSTOMER_ERASED))  # fmt: skip
    async def change_customer(self, ctx: RequestContext, path: CustomerPath, body: Changes) -> Reply[ProfileView]:
        """If-Match takes the ETag of the profile; movements on the account do not outdate it, other edits do."""
        async with self._unit_of_work.begin() as transaction:
            connection = transaction.connection
            await _own(connection, path.customer_id)
            await lock_identities(connection, _identities(body.email, body.phone, self._phones))
            await lock_accounts(connection, [path.customer_id])
            profile = await _own(connection, path.customer_id)
            _require_version(ctx, profile.customer.version)
            changed = domain.edit(profile.customer, body.given(), datetime.now(UTC), self._phones.key)
            if changed is None:
                return _reply(profile)
            _require_number(changed, self._phones, was=profile.customer)
            await _refuse_duplicate(connection, changed, self._phones, was=profile)
            await store.save(connection, [changed])
            transaction.publish(customer_changed(changed))
            change = _change("customers.edit", profile.customer, changed)
            await audit.record(connection, ctx, change)
            await activity.add(connection, [edited(changed, change, ctx.principal.subject)])
            return _reply(profile._replace(customer=changed))


async def _register(
    ctx: RequestContext, transaction: Transaction, body: Registration, phones: Phones
) -> Reply[ProfileView]:
    connection = transaction.connection
    given = frozenset(body.model_fields_set)
    customer = domain.new_customer(
        str(uuid7()), domain.Details(**body.model_dump()), datetime.now(UTC), phones.key, edited=given
    )
    _require_number(customer, phones)
    await lock_identities(connection, _identities(body.email, body.phone, phones))
    await _refuse_duplicate(connection, customer, phones)
    await lock_accounts(connection, [customer.customer_id])
    await store.save(connection, [customer])
    transaction.publish(customer_changed(customer))
    change = _change("customers.register", None, customer)
    await audit.record(connection, ctx, change)
    await activity.add(connection, [registered(customer, change, ctx.principal.subject)])
    headers = {"Location": f"/v1/customers/{customer.customer_id}"}
    return _reply(Profile(customer, (Account(customer.customer_id),)), headers)


def _change(action: str, before: domain.Customer | None, after: domain.Customer) -> Change:
    names = [*domain.PERSONAL_FIELDS, "language", "time_zone", "status", "status_reason"]
    return Change(
        action,
        f"customer:{after.customer_id}",
        customer_id=after.customer_id,
        before={name: getattr(before, name) for name in names} if before else {},
        after={name: getattr(after, name) for name in names},
        reason=after.status_reason if before and before.status != after.status else None,
        personal=domain.PERSONAL_FIELDS,
    )


def _identities(email: str | None, phone: str | None, phones: Phones) -> list[str]:
    email_key = domain.normalize_email(email) if email else None
    phone_key = phones.key(phone) if phone else None
    return [f"{kind}:{key}" for kind, key in (("email", email_key), ("phone", phone_key)) if key]


async def _existing(connection: Connection, customer_id: str) -> Profile:
    profile = await store.profile(connection, customer_id)
    if profile is None:
        raise no_customer(customer_id)
    return profile


async def _own(connection: Connection, customer_id: str) -> Profile:
    """The customer under its own id: one that was merged or erased is not edited."""
    profile = await _existing(connection, customer_id)
    if profile.customer.customer_id != customer_id:
        raise merged(customer_id, profile.customer.customer_id)
    if profile.customer.erased_at is not None:
        raise erased(customer_id, profile.customer.erased_at)
    return profile


def _require_number(customer: domain.Customer, phones: Phones, *, was: domain.Customer | None = None) -> None:
    """Refuse what cannot be a number, unless the customer has it already."""
    phone = customer.phone
    if phone is not None and (was is None or was.phone != phone) and not phones.is_possible(phone):
        raise wrong_field("body.phone", "No phone number can look like this.")


async def _refuse_duplicate(
    connection: Connection, customer: domain.Customer, phones: Phones, *, was: Profile | None = None
) -> None:
    """Refuse an e-mail address or phone number that is new to the customer and belongs to another.

    Those that were merged into the customer are no others.
    """
    before = None if was is None else was.customer
    email_key = customer.email_key if before is None or before.email_key != customer.email_key else None
    phone_key = customer.phone_key if before is None or _key(before, phones) != customer.phone_key else None
    if email_key is None and phone_key is None:
        return
    earlier = phones.earlier_keys(customer.phone) if customer.phone and phone_key else []
    own = {customer.customer_id, *(was.merged_ids if was else ())}
    found = await store.find(
        connection, email_key=email_key, phone_key=phone_key, earlier_keys=earlier, limit=len(own) + 1
    )
    for other in found:
        same_email = email_key is not None and other.email_key == email_key
        same_phone = phone_key is not None and _key(other, phones) == phone_key
        if other.customer_id not in own and (same_email or same_phone):
            raise CUSTOMER_EXISTS(
                f"Customer {other.customer_id} has this {'e-mail address' if same_email else 'phone number'}.",
                errors=[{"field": "body.email" if same_email else "body.phone", "message": "Already in use."}],
                customer_id=other.customer_id,
            )


def _key(customer: domain.Customer, phones: Phones) -> str | None:
    """What a stored number is compared by: its key may be from before it was made anew."""
    return phones.key(customer.phone) if customer.phone else None


def _require_version(ctx: RequestContext, version: int) -> None:
    """Compare the part of the entity tag that speaks of the details: a purchase in between must not refuse an edit."""
    tags = ctx.if_match or frozenset()
    check_if_match(frozenset(_BALANCE_PART.sub('"', tag) for tag in tags), version)


def _reply(profile: Profile, headers: dict[str, str] | None = None) -> Reply[ProfileView]:
    return Reply(ProfileView.of(profile), headers=headers or {}, version=profile.version)
