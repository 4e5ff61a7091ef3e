"""Roles and personal fields of all services, in a total table: who sees what clear is decided in one place."""

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from services.accounts import app as accounts
from services.loyalty import app as loyalty
from services.notifications import app as notifications
from services.tickets import app as tickets
from shared.web import ROLE_PERMISSIONS, Principal, RequestContext, ResponseModel, Role
from shared.web.masks import Kind
from shared.web.personal import personal_fields

SERVICES = [accounts.SERVICE, tickets.SERVICE, notifications.SERVICE, loyalty.SERVICE]
# A field of such a name is personal, unless it stands here with the reason.
PERSONAL_NAME = re.compile(r"e_?mail|phone|address", re.IGNORECASE)
NOT_PERSONAL: dict[str, str] = {}

SAMPLES: dict[Kind, Any] = {
    "email": "ada.novak@example.com",
    "phone": "+61 491 570 156",
    "text": "1 High Street, Brisbane",
    "prose": "Write to ada.novak@example.com",
    "details": {"email": "ada.novak@example.com"},
}


def _models(base: type[ResponseModel] = ResponseModel) -> Iterator[type[ResponseModel]]:
    for model in base.__subclasses__():
        if model.__module__.startswith(("services.", "shared.")):
            yield model
        yield from _models(model)


MODELS = sorted(set(_models()), key=lambda model: f"{model.__module__}.{model.__qualname__}")
FIELDS = [(model, name, kind) for model in MODELS for name, kind in sorted(personal_fields(model).items())]


def test_every_field_with_a_personal_name_is_marked() -> None:
    loose = [
        f"{model.__module__}.{model.__qualname__}.{name}"
        for model in MODELS
        for name in model.model_fields
        if PERSONAL_NAME.search(name) and name not in personal_fields(model) and name not in NOT_PERSONAL
    ]
    assert not loose, 'mark them as Annotated[..., Personal("...")] of shared.web'


@pytest.mark.requirement("A18")
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("model", "name", "kind"), FIELDS, ids=[f"{model.__name__}.{name}" for model, name, _ in FIELDS]
)
def test_agents_and_above_see_personal_fields_and_viewers_get_them_masked(
    role: Role, model: type[ResponseModel], name: str, kind: Kind
) -> None:
    clear = model.model_construct(**dict.fromkeys(model.model_fields) | {name: SAMPLES[kind]})
    principal = Principal("someone", role, ROLE_PERMISSIONS[role])
    request: Any = SimpleNamespace()
    context = RequestContext(request, "operation", principal, "request", lambda reply: reply)
    shown = getattr(context.visible(clear), name)
    if role is Role.VIEWER:
        assert "ada.novak" not in str(shown)
        assert shown != SAMPLES[kind]
    else:
        assert shown == SAMPLES[kind]
