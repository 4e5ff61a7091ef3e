"""The explicit confirmation that a cancellation needs, of one ticket or of many: a flag, or the token of a preview."""

from typing import Annotated

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from services.tickets.cancellations.domain import confirmation_token
from shared.web import ConfirmFlag, ProblemType, RequestContext, RequestModel

CONFIRMATION_OUTDATED = ProblemType(409, "confirmation_outdated", "What was confirmed does not hold any more")


class Confirmed(RequestModel):
    """A request with its confirmation: `confirm` or the preview's token."""

    confirmation_token: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, description="From the preview: the request is refused when what it showed has changed."
    )
    confirm: ConfirmFlag | None = Field(
        default=None,
        validate_default=True,
        description="Must be true, if no token is given: prices are credited back and tickets are lost.",
    )

    @field_validator("confirm")
    @classmethod
    def _is_confirmed(cls, confirm: ConfirmFlag | None, info: ValidationInfo) -> ConfirmFlag | None:
        if confirm is None and info.data.get("confirmation_token", "invalid") is None:
            raise ValueError("give confirm: true, or the confirmation_token of the preview")
        return confirm


def token_for(ctx: RequestContext, *shown: object) -> str:
    """The token of a preview that shows the caller this."""
    return confirmation_token(ctx.principal.subject, *shown)
