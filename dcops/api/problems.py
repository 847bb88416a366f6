"""Errors as RFC 9457 problem details: a stable type, a title, what was wrong here, and all problems at once."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from dcops.core.errors import DcopsError, SpecError, UsageError

__all__ = ["PROBLEM_TYPE", "Problem", "ProblemError", "install", "responses"]

logger = logging.getLogger(__name__)
PROBLEM_TYPE = "application/problem+json"
_URN = "urn:dcops:problem:"


class FieldError(BaseModel):
    """One thing wrong with a request."""

    where: str = Field(description="Which parameter, such as `query.limit`.")
    message: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="Stable name of the kind of problem.")
    title: str
    status: int
    detail: str = ""
    instance: str = Field(default="", description="The path that was asked.")
    errors: list[FieldError] = Field(default_factory=list)


class ProblemError(Exception):
    """A problem to answer with."""

    def __init__(self, status: int, name: str, detail: str, errors: list[FieldError] | None = None) -> None:
        super().__init__(detail)
        self.status, self.name, self.detail, self.errors = status, name, detail, errors or []


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route's documentation says of its errors."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {PROBLEM_TYPE: schema}} for status in statuses
    }


def _answer(request: Request, status: int, name: str, detail: str, errors: list[FieldError] | None = None) -> Any:
    problem = Problem(
        type=f"{_URN}{name}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        errors=errors or [],
    )
    headers = {"Cache-Control": "no-store"}
    return JSONResponse(problem.model_dump(), status, headers=headers, media_type=PROBLEM_TYPE)


def install(app: FastAPI) -> None:
    """Have `app` answer every error as a problem; an unforeseen one says nothing of its inside."""

    @app.exception_handler(ProblemError)
    async def on_problem(request: Request, error: ProblemError) -> Any:
        return _answer(request, error.status, error.name, error.detail, error.errors)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Any:
        errors = [
            FieldError(where=".".join(map(str, item["loc"])), message=str(item["msg"])) for item in error.errors()
        ]
        return _answer(request, 400, "invalid-request", f"{len(errors)} parameter(s) are wrong", errors)

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Any:
        name = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http-error")
        answer = _answer(request, error.status_code, name, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(DcopsError)
    async def on_dcops(request: Request, error: DcopsError) -> Any:
        if isinstance(error, UsageError):
            return _answer(request, 404, "not-found", str(error))
        detail = "the inventory is invalid" if isinstance(error, SpecError) else error.message
        logger.error("request failed: %s", error)
        return _answer(request, 503, "unavailable", detail)

    @app.exception_handler(Exception)
    async def on_defect(request: Request, error: Exception) -> Any:
        logger.error("defect in %s: %s", request.url.path, type(error).__name__, exc_info=error)
        return _answer(request, 500, "defect", "an unforeseen error; it is in the log")
