"""Who may do what: one total table of roles and permissions for all four services.

A permission is `<what>:<action>`. Each role has all the rights of the one before it.
"""

from enum import StrEnum
from typing import Literal, get_args

Permission = Literal[
    "customers:read",
    "customers:write",
    "customers:administer",
    "customers:export",
    "personal_data:read",
    "personal_data:unmask",
    "activity:read",
    "notes:read",
    "notes:write",
    "ledger:read",
    "ledger:withdraw",
    "ledger:approve",
    "ledger:adjust",
    "reconciliation:read",
    "tickets:read",
    "tickets:cancel",
    "tickets:resolve",
    "limbo:read",
    "subscriptions:read",
    "subscriptions:write",
    "draws:read",
    "draws:write",
    "correspondence:read",
    "loyalty:read",
    "dead_letters:read",
    "dead_letters:manage",
    "audit:read",
]

PERMISSIONS: frozenset[Permission] = frozenset(get_args(Permission))


class Role(StrEnum):
    """What the `role` claim of a token may say."""

    VIEWER = "viewer"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"


_VIEWER: frozenset[Permission] = frozenset(
    {
        "customers:read",
        "personal_data:unmask",
        "activity:read",
        "notes:read",
        "ledger:read",
        "tickets:read",
        "subscriptions:read",
        "draws:read",
        "correspondence:read",
        "loyalty:read",
    }
)
_AGENT: frozenset[Permission] = _VIEWER | {
    "customers:write",
    "personal_data:read",
    "notes:write",
    "ledger:withdraw",
    "tickets:cancel",
    "tickets:resolve",
    "subscriptions:write",
}
_SUPERVISOR: frozenset[Permission] = _AGENT | {
    "customers:export",
    "ledger:approve",
    "ledger:adjust",
    "reconciliation:read",
    "limbo:read",
    "dead_letters:read",
    "dead_letters:manage",
    "audit:read",
}

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.AGENT: _AGENT,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.ADMINISTRATOR: PERMISSIONS,
}
