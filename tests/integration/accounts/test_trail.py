"""The changes of a customer with before and after, and looks at masked fields."""

import pytest

from shared.web import Role
from tests.support.accounts import Accounts, purchase


@pytest.mark.requirement("A4", "A13")
async def test_each_change_is_kept_with_before_and_after(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1", phone="+61 491 570 156"))
    await accounts.call("PATCH", "/v1/customers/c1", {"email": "ada@new.example"}, status=200, If_Match="*")
    status = {"status": "suspended", "status_reason": "Asked for a pause"}
    await accounts.call("PATCH", "/v1/customers/c1", status, status=200, If_Match="*")
    trail = (await accounts.call("GET", "/v1/customers/c1/changes", status=200))["items"]
    assert [(each["action"], each["actor"], each["before"], each["after"], each["reason"]) for each in trail] == [
        (
            "customers.edit", "agent-7", {"status": "active", "status_reason": None}, status, "Asked for a pause",
        ),
        ("customers.edit", "agent-7", {"email": "c1@example.com"}, {"email": "ada@new.example"}, None),
    ]  # fmt: skip
    masked = (await accounts.call("GET", "/v1/customers/c1/changes", status=200, role=Role.VIEWER))["items"]
    assert (masked[1]["before"], masked[1]["after"]) == ({"email": "c•••@example.com"}, {"email": "a•••@new.example"})
    closed = {"status": "closed", "status_reason": "Told us from old@example.com"}
    await accounts.call("PATCH", "/v1/customers/c1", closed, status=200, If_Match="*")
    for path in ("/v1/customers/c1/changes", "/v1/customers/c1", "/v1/customers/c1/profile"):
        assert "old@example" not in str(await accounts.call("GET", path, status=200, role=Role.VIEWER))
        assert "old@example" in str(await accounts.call("GET", path, status=200))
    await accounts.call("GET", "/v1/customers/nobody/changes", status=404)


@pytest.mark.requirement("A18")
async def test_a_viewer_sees_one_field_for_a_reason_that_is_kept(accounts: Accounts) -> None:
    await accounts.apply(purchase("c1", "o1", phone="+61 491 570 156"))
    path = "/v1/customers/c1/unmaskings"
    body = {"field": "phone", "reason": "The customer calls back"}
    seen = await accounts.call("POST", path, body, status=200, role=Role.VIEWER)
    assert seen == {"customer_id": "c1", "field": "phone", "value": "+61 491 570 156"}
    (entry,) = await accounts.fetch("select * from audit_entries where action = 'personal_data.unmask'")
    assert (entry["actor"], entry["role"], entry["reason"]) == ("agent-7", "viewer", "The customer calls back")
    assert (entry["object_id"], entry["after"], entry["customer_id"]) == ("c1/phone", {"field": "phone"}, "c1")
    assert "491570" not in str(entry).replace(" ", "")
    await accounts.call("POST", path, {"field": "phone"}, status=422, role=Role.VIEWER)
    await accounts.call("POST", path, {"field": "phone", "reason": " \n"}, status=422, role=Role.VIEWER)
    await accounts.call("POST", path, body | {"field": "version"}, status=422, role=Role.VIEWER)
    await accounts.call("POST", "/v1/customers/nobody/unmaskings", body, status=404, role=Role.VIEWER)
