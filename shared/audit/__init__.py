"""Who changed what: an entry for each change by a person, in the transaction of the change.

    async with self._unit_of_work.begin() as transaction:
        ...
        change = Change("notes.edit", f"note:{note.id}", customer_id=note.customer_id,
                        before={"text": old.text}, after={"text": new.text}, reason=body.reason)
        await audit.record(transaction.connection, ctx, change)

Actions are called `<what>.<verb>`, objects `<kind>:<id>`. Of `before` and `after` only the fields that differ are kept.
Fields named in `personal` are kept apart and go when `erase_personal` is called for the customer. A shared commit
writes the entries of all its requests with `record_all` or `recording`; who acts outside of a request is an `Actor`.
`AuditApi` is the operation that reads them, the same in every service; `MIGRATIONS` the folder of the tables,
`GRANTS` what the role of a service may do with them.
"""

from pathlib import Path

from shared.audit.api import AuditApi
from shared.audit.entries import Actor, Change
from shared.audit.store import erase_personal, record, record_all, recording

MIGRATIONS = Path(__file__).parent / "migrations"
# Personal values go when their customer is erased; the database asks for the entry that says so.
GRANTS = {"audit_entries": "select, insert", "audit_personal": "select, insert, delete"}

__all__ = ["GRANTS", "MIGRATIONS", "Actor", "AuditApi", "Change", "erase_personal", "record", "record_all", "recording"]
