"""Notes: read by the whole team, changed by their author alone."""

import asyncio
from typing import Any

import pytest

from shared.web import Role
from tests.support.accounts import Accounts, purchase, token

URL = "/v1/customers/c1/notes"
NOTE = {"kind": "complaint", "text": "The draw closed while the customer was paying."}
REMINDER = {"kind": "reminder", "text": "Call back", "due_at": "2026-11-23T09:00:00Z"}


async def call(
    accounts: Accounts,
    method: str,
    path: str,
    body: object = None,
    *,
    subject: str = "agent-7",
    role: Role = Role.AGENT,
    **headers: str,
) -> tuple[int, Any, str | None]:
    """Status, JSON and entity tag of an answer to a person."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent["Authorization"] = f"Bearer {token(role, subject)}"
    async with accounts.client.request(method, path, json=body, headers=sent) as response:
        return response.status, await response.json(content_type=None), response.headers.get("ETag")


async def write(accounts: Accounts, key: str = "k1", **changes: Any) -> Any:
    subject = changes.pop("subject", "agent-7")
    status, note, etag = await call(accounts, "POST", URL, NOTE | changes, subject=subject, Idempotency_Key=key)
    assert status == 201, note
    assert etag == '"1"'
    return note


@pytest.fixture
async def known(accounts: Accounts) -> Accounts:
    """One customer, c1."""
    await accounts.apply(purchase("c1", "o1"))
    return accounts


@pytest.mark.requirement("A7")
async def test_the_whole_team_reads_what_one_wrote(known: Accounts) -> None:
    note = await write(known)
    assert note == NOTE | {
        "note_id": note["note_id"], "customer_id": "c1", "author": "agent-7", "due_at": None, "done_at": None,
        "version": 1, "created_at": note["created_at"], "changed_at": note["created_at"],
    }  # fmt: skip
    assert await write(known) == note
    for role in Role:
        status, page, _ = await call(known, "GET", URL, subject="somebody-else", role=role)
        assert (status, page["items"]) == (200, [note])
        status, found, _ = await call(known, "GET", f"{URL}/{note['note_id']}", subject="somebody-else", role=role)
        assert (status, found) == (200, note)


@pytest.mark.requirement("A7")
async def test_only_the_author_edits_or_deletes(known: Accounts) -> None:
    note = await write(known)
    path = f"{URL}/{note['note_id']}"
    for role in (Role.AGENT, Role.SUPERVISOR, Role.ADMINISTRATOR):
        for method, body in (("PATCH", {"text": "Nothing happened"}), ("DELETE", None)):
            status, problem, _ = await call(known, method, path, body, subject="agent-8", role=role, If_Match='"1"')
            assert (status, problem["code"], problem["author"]) == (403, "not_the_author", "agent-7")
    status, problem, _ = await call(known, "PATCH", path, {"text": "x"}, role=Role.VIEWER, If_Match='"1"')
    assert (status, problem["code"]) == (403, "permission_denied")
    assert (await call(known, "GET", path))[1] == note


@pytest.mark.requirement("A7")
async def test_an_edit_keeps_the_earlier_text(known: Accounts) -> None:
    note = await write(known)
    path = f"{URL}/{note['note_id']}"
    status, problem, _ = await call(known, "PATCH", path, {"text": "x"})
    assert (status, problem["code"]) == (428, "precondition_required")
    status, edited, etag = await call(known, "PATCH", path, {"text": "Called back", "kind": "other"}, If_Match='"1"')
    assert (status, edited["text"], edited["kind"], edited["version"], etag) == (200, "Called back", "other", 2, '"2"')
    status, problem, _ = await call(known, "PATCH", path, {"text": "x"}, If_Match='"1"')
    assert (status, problem["code"]) == (412, "precondition_failed")
    assert (await call(known, "PATCH", path, {"text": "Called back"}, If_Match='"2"'))[1]["version"] == 2
    status, page, _ = await call(known, "GET", f"{path}/versions?limit=1", subject="agent-8")
    assert [(each["version"], each["text"]) for each in page["items"]] == [(2, "Called back")]
    _, page, _ = await call(known, "GET", f"{path}/versions?limit=1&cursor={page['next_cursor']}")
    assert [(each["version"], each["kind"], each["text"]) for each in page["items"]] == [(1, *NOTE.values())]
    assert page["next_cursor"] is None


@pytest.mark.requirement("A7")
async def test_of_two_edits_of_one_version_one_wins(known: Accounts) -> None:
    path = f"{URL}/{(await write(known))['note_id']}"
    answers = await asyncio.gather(
        *(call(known, "PATCH", path, {"text": f"text {n}"}, If_Match='"1"') for n in range(5))
    )
    assert sorted(status for status, _, _ in answers) == [200, 412, 412, 412, 412]
    assert len((await call(known, "GET", f"{path}/versions"))[1]["items"]) == 2


@pytest.mark.requirement("A7")
async def test_a_deleted_note_is_gone_and_its_trail_is_not(known: Accounts) -> None:
    note = await write(known)
    path = f"{URL}/{note['note_id']}"
    status, _, _ = await call(known, "DELETE", path, If_Match='"1"')
    assert status == 204
    for method, target in (("GET", path), ("GET", f"{path}/versions"), ("DELETE", path), ("PATCH", path)):
        body = {"text": "x"} if method == "PATCH" else None
        status, problem, _ = await call(known, method, target, body, If_Match='"1"')
        assert (status, problem["code"]) == (404, "note_not_found")
    assert (await call(known, "GET", URL))[1]["items"] == []
    trail = await known.fetch(
        "select action, actor, object_id from audit_entries where object_kind = 'note' order by id"
    )
    assert [(row["action"], row["actor"], row["object_id"]) for row in trail] == [
        ("notes.add", "agent-7", note["note_id"]),
        ("notes.delete", "agent-7", note["note_id"]),
    ]
    (row,) = await known.fetch("select text, deleted_at from notes")
    assert row["text"] == NOTE["text"]
    assert row["deleted_at"] is not None


@pytest.mark.requirement("A7")
async def test_every_change_is_audited_with_before_and_after(known: Accounts) -> None:
    note = await write(known)
    await call(known, "PATCH", f"{URL}/{note['note_id']}", {"text": "Called back"}, If_Match='"1"')
    _, trail, _ = await call(known, "GET", f"/v1/audit?object=note:{note['note_id']}", role=Role.SUPERVISOR)
    edit, add = trail["items"]
    assert (edit["action"], edit["customer_id"]) == ("notes.edit", "c1")
    assert (edit["before"], edit["after"]) == ({"text": NOTE["text"]}, {"text": "Called back"})
    assert (add["action"], add["after"]["kind"]) == ("notes.add", "complaint")


@pytest.mark.requirement("A7")
async def test_pages_and_filters(known: Accounts) -> None:
    kinds = ["complaint", "query", "other", "query", "complaint"]
    written = [
        await write(known, f"k{n}", kind=kind, text=f"note {n}", subject=f"agent-{n % 2}")
        for n, kind in enumerate(kinds)
    ]
    texts: list[str] = []
    cursor = ""
    while True:
        _, page, _ = await call(known, "GET", f"{URL}?limit=2{cursor}")
        texts += [note["text"] for note in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    newest_first = sorted(written, key=lambda note: str(note["note_id"]), reverse=True)
    assert texts == [note["text"] for note in newest_first]
    for query, chosen in {
        "kind=query": {"note 1", "note 3"},
        "kind=query&kind=other": {"note 1", "note 2", "note 3"},
        "author=agent-0": {"note 0", "note 2", "note 4"},
        "author=agent-0&kind=query": set(),
    }.items():
        assert {note["text"] for note in (await call(known, "GET", f"{URL}?{query}"))[1]["items"]} == chosen


@pytest.mark.requirement("A7")
async def test_reminders_over_all_customers_the_longest_due_first(known: Accounts) -> None:
    await known.apply(purchase("c2", "o2"))
    for number, (customer, day) in enumerate([("c1", 25), ("c2", 23), ("c1", 24), ("c2", 23), ("c1", 23)]):
        body = REMINDER | {"due_at": f"2026-11-{day}T09:00:00Z", "text": f"day {day}"}
        subject = f"agent-{number % 2}"
        path = f"/v1/customers/{customer}/notes"
        assert (await call(known, "POST", path, body, subject=subject, Idempotency_Key=f"r{number}"))[0] == 201
    await write(known)

    async def due(query: str) -> list[Any]:
        found: list[Any] = []
        cursor = ""
        while True:
            _, page, _ = await call(known, "GET", f"/v1/reminders?limit=1&{query}{cursor}", role=Role.VIEWER)
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    shown = await due("due_before=2026-11-25T09:00:00Z")
    assert [note["text"] for note in shown] == ["day 23", "day 23", "day 23", "day 24"]
    assert {note["customer_id"] for note in shown[:3]} == {"c1", "c2"}
    assert len(await due("due_before=2026-12-01T00:00:00Z&author=agent-1")) == 2
    first = shown[0]
    path = f"/v1/customers/{first['customer_id']}/notes/{first['note_id']}"
    status, done, _ = await call(known, "PATCH", path, {"done": True}, subject=first["author"], If_Match='"1"')
    assert status == 200
    assert done["done_at"] is not None
    assert len(await due("due_before=2026-11-24T00:00:00Z")) == 2
    assert await due("due_before=2026-11-23T09:00:00Z") == []


@pytest.mark.requirement("A6", "A7")
async def test_a_note_is_an_activity_without_its_text(known: Accounts) -> None:
    note = await write(known)
    _, page, _ = await call(known, "GET", "/v1/customers/c1/activities?kind=note_added")
    (item,) = page["items"]
    assert item["reference"] == note["note_id"]
    assert item["details"] == {"note_kind": "complaint", "actor": "agent-7"}


@pytest.mark.requirement("A7")
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "gossip"}, "body.kind"),
        ({"text": " "}, "body.text"),
        ({"text": "x" * 5001}, "body.text"),
        ({"text": "a\0b"}, "body.text"),
        ({"kind": "reminder"}, "body.due_at"),
        ({"due_at": "2026-11-23T09:00:00Z"}, "body.due_at"),
        ({"due_at": "2026-11-23T09:00:00"}, "body.due_at"),
    ],
)
async def test_a_note_that_cannot_be_names_the_field(known: Accounts, body: dict[str, Any], field: str) -> None:
    status, problem, _ = await call(known, "POST", URL, NOTE | body, Idempotency_Key="k")
    assert (status, problem["code"]) == (422, "validation_failed")
    assert {error["field"] for error in problem["errors"]} == {field}


@pytest.mark.requirement("A7")
async def test_edits_that_cannot_be_name_the_field_and_what_is_unknown_is_a_problem(known: Accounts) -> None:
    path = f"{URL}/{(await write(known))['note_id']}"
    for body, field in (
        ({"kind": "reminder"}, "body.due_at"),
        ({"due_at": "2026-11-23T09:00:00Z"}, "body.due_at"),
        ({"done": True}, "body.done"),
        ({"text": None}, "body.text"),
        ({"done": "yes"}, "body.done"),
    ):
        status, problem, _ = await call(known, "PATCH", path, body, If_Match='"1"')
        assert (status, [error["field"] for error in problem["errors"]]) == (422, [field])
    for target in ("/v1/customers/c9/notes", "/v1/customers/c9/notes?kind=query"):
        assert (await call(known, "GET", target))[1]["code"] == "customer_not_found"
    status, problem, _ = await call(known, "POST", "/v1/customers/c9/notes", NOTE, Idempotency_Key="k9")
    assert (status, problem["code"]) == (404, "customer_not_found")
    assert await known.fetch("select 1 from accounts where customer_id = 'c9'") == []
    status, problem, _ = await call(known, "POST", URL, NOTE)
    assert (status, problem["code"]) == (400, "idempotency_key_required")
    assert (await call(known, "GET", f"{URL}/nonsense"))[0] == 422


@pytest.mark.requirement("A4", "A7")
async def test_of_an_erased_customer_nothing_that_was_written_is_left(known: Accounts) -> None:
    """Neither what notes say, nor what they said before, nor what was deleted, nor the audit trail."""
    await known.apply(purchase("c2", "o2"), purchase("c3", "o3"))
    note = await write(known, text="Ada lives in Brno")
    path = f"{URL}/{note['note_id']}"
    status, _, _ = await call(known, "PATCH", path, {"text": "Ada moved to Praha"}, If_Match='"1"')
    assert status == 200
    gone = await write(known, "k2", text="Ada has a dog")
    assert (await call(known, "DELETE", f"{URL}/{gone['note_id']}", If_Match='"1"'))[0] in {200, 204}
    reminder = await write(known, "k3", **REMINDER | {"text": "Call Ada back"})
    admin = Role.ADMINISTRATOR
    for customer, key in (("c2", "k4"), ("c3", "k5")):
        body = NOTE | {"text": f"Ada of {customer}"}
        await call(known, "POST", f"/v1/customers/{customer}/notes", body, Idempotency_Key=key)
    merge = {"merged_id": "c2", "reason": "The same person"}
    assert (await call(known, "POST", "/v1/customers/c1/merges", merge, role=admin, Idempotency_Key="m"))[0] == 201
    erasure = {"reason": "Asked for it in writing"}
    assert (await call(known, "POST", "/v1/customers/c1/erasures", erasure, role=admin, Idempotency_Key="e"))[0] == 201

    texts = await known.fetch(
        """select customer_id, text from notes union all select customer_id, text from note_versions"""
    )
    assert {row["text"] for row in texts if row["customer_id"] != "c3"} == {"Erased"}
    assert {row["text"] for row in texts if row["customer_id"] == "c3"} == {"Ada of c3"}
    assert len(texts) == 2 * 5 + 1
    for table in ("activities", "audit_entries", "audit_personal"):
        rows = await known.fetch(f"select * from {table} where customer_id in ('c1', 'c2')")  # noqa: S608 - as they are
        assert not [row for row in rows if "Brno" in str(row) or "Praha" in str(row) or "Ada " in str(row)]
    _, page, _ = await call(known, "GET", URL)
    assert {each["note_id"] for each in page["items"]} > {note["note_id"], reminder["note_id"]}
    assert {each["text"] for each in page["items"]} == {"Erased"}
