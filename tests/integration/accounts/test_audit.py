"""What agents do to customers and their money is written down."""

import pytest

from shared.web import Role
from tests.integration.accounts.test_withdrawals import credited, withdraw
from tests.support.accounts import Accounts

PERSON = {"first_name": "Eva", "last_name": "Malá", "email": "eva@example.com", "phone": "+420 777 123 456"}


@pytest.mark.requirement("A4", "A11")
async def test_each_change_leaves_one_entry(accounts: Accounts) -> None:
    made = await accounts.call("POST", "/v1/customers", PERSON, status=201, Idempotency_Key="k1")
    path = f"/v1/customers/{made['customer_id']}"
    etag = await accounts.etag(path)
    await accounts.call("PATCH", path, {"email": "eva.mala@example.com"}, status=200, If_Match=etag)
    etag = await accounts.etag(path)
    await accounts.call("PATCH", path, {"email": "eva.mala@example.com"}, status=200, If_Match=etag)
    await credited(accounts, "c1")
    for _ in range(2):
        await withdraw(accounts, "c1", "k2")
    await withdraw(accounts, "c1", "k3", status=422, amount=10**9)
    trail = (await accounts.call("GET", "/v1/audit", status=200, role=Role.SUPERVISOR))["items"]
    withdrawn, edited, registered = trail
    assert (withdrawn["action"], withdrawn["customer_id"], withdrawn["actor"]) == ("ledger.withdraw", "c1", "agent-7")
    assert withdrawn["before"] == {"balance": 2000}
    assert withdrawn["after"] == {"balance": 1700, "amount": 300, "currency": "AUD", "type": "cheque"}
    assert (edited["action"], edited["before"]) == ("customers.edit", {"email": "eva@example.com"})
    assert edited["after"] == {"email": "eva.mala@example.com"}
    assert (registered["action"], registered["after"]["phone"]) == ("customers.register", PERSON["phone"])
