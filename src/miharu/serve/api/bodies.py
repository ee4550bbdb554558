"""A request's body → a model, read only after the token was looked at and only up to a limit."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from miharu.serve.api.problems import ProblemError

M = TypeVar("M", bound=BaseModel)

LIMIT_BYTES: Final = 1_048_576


async def read_body(request: Request, model: type[M]) -> M:
    """Return the body. Raises ProblemError where it is too long, RequestValidationError where it is no such model."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LIMIT_BYTES:
            raise ProblemError(413, f"The body is longer than {LIMIT_BYTES} bytes.")
    try:
        return model.model_validate_json(bytes(body))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from error


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI says of a body that `read_body` reads."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
