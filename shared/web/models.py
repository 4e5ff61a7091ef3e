"""Bases of request and response bodies. Field types such as `Identifier` come from `shared.contracts`."""

from pydantic import BaseModel, ConfigDict


class RequestModel(BaseModel):
    """Base of bodies, queries and path parameters: a field it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ResponseModel(BaseModel):
    """Base of response bodies; `from_attributes` makes one from a row or a domain object."""

    model_config = ConfigDict(frozen=True, from_attributes=True)
