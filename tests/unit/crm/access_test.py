"""Who sees all, who administers."""

import pytest

from pbxcrm.crm.access import ROLES, SYSTEM, Scope


@pytest.mark.parametrize(
    ("role", "sees", "administers"), [("agent", False, False), ("manager", True, False), ("admin", True, True)]
)
def test_roles(role, sees, administers):
    scope = Scope(1, "x", role)
    assert (scope.sees_all, scope.administers) == (sees, administers)
    assert role in ROLES


def test_the_system_sees_all():
    assert SYSTEM.sees_all
    assert SYSTEM.user_id == 0
