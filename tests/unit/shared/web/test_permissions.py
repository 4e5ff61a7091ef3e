"""The table of roles is total, and each role has all the rights of the one before it."""

from itertools import pairwise

import pytest

from shared.web import ROLE_PERMISSIONS, Permission, Role
from shared.web.permissions import PERMISSIONS
from tests.support.containers import ROOT


def test_every_role_has_its_permissions_and_an_administrator_all() -> None:
    assert ROLE_PERMISSIONS.keys() == set(Role)
    assert ROLE_PERMISSIONS[Role.ADMINISTRATOR] == PERMISSIONS


def test_every_permission_is_asked_for_somewhere() -> None:
    files = {*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py")} - {ROOT / "shared/web/permissions.py"}
    sources = "".join(file.read_text() for file in sorted(files))
    assert not [permission for permission in sorted(PERMISSIONS) if f'"{permission}"' not in sources]


def test_roles_grow() -> None:
    for lower, higher in pairwise(Role):
        assert ROLE_PERMISSIONS[lower] < ROLE_PERMISSIONS[higher]


def test_a_viewer_only_reads_and_unmasks_single_fields() -> None:
    changing = {permission for permission in ROLE_PERMISSIONS[Role.VIEWER] if not permission.endswith(":read")}
    assert changing == {"personal_data:unmask"}


@pytest.mark.parametrize(
    ("permission", "first"),
    [
        ("ledger:read", Role.VIEWER),
        ("customers:write", Role.AGENT),
        ("personal_data:unmask", Role.VIEWER),
        ("personal_data:read", Role.AGENT),
        ("customers:export", Role.SUPERVISOR),
        ("customers:administer", Role.ADMINISTRATOR),
        ("notes:write", Role.AGENT),
        ("ledger:withdraw", Role.AGENT),
        ("tickets:cancel", Role.AGENT),
        ("tickets:resolve", Role.AGENT),
        ("limbo:read", Role.SUPERVISOR),
        ("dead_letters:manage", Role.SUPERVISOR),
        ("ledger:approve", Role.SUPERVISOR),
        ("draws:write", Role.ADMINISTRATOR),
    ],
)
def test_rights_begin_with_a_role(permission: Permission, first: Role) -> None:
    assert next(role for role in Role if permission in ROLE_PERMISSIONS[role]) is first
