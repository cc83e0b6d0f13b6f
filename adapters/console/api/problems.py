"""How a program is told why not: RFC 9457, a word to act on and a sentence to log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.console.texts import TEXTS
from ivr.desk.programs import Refusal

MEDIA_TYPE = "application/problem+json"
PREFIXES = ("/api/", "/tmf-api/")

STATUSES = {
    "no_such_agent": 422,
    "note_missing": 422,
    "number_not_callable": 422,
    "no_message": 404,
    "purged": 410,
    "no_telephone": 403,
    "no_proof": 403,
    "changed": 412,
}
TITLES = {
    400: "Bad request",
    401: "No token",
    403: "Not allowed",
    404: "Not found",
    405: "No such method here",
    409: "Too late, or not yours",
    410: "Removed",
    412: "Changed since",
    422: "Not understood",
    429: "Too many requests",
    500: "Something went wrong",
    503: "The database is away",
}


class ProblemDetails(BaseModel):
    """RFC 9457: why not."""

    type: str = Field(description="Names the problem; docs/api.md has a line for each.", examples=["/api#taken"])
    title: str = Field(description="What kind of problem it is.")
    status: int = Field(description="The status of the answer.")
    code: str = Field(description="The same as in `type`, for a program to act on.", examples=["taken"])
    detail: str = Field(description="A sentence for who reads the log.", examples=["ticket 123456 is ann's"])
    errors: list[dict[str, str]] = Field(default=[], description="Where the request is not understood: `at` and `problem`.")


class Problem(Exception):
    """The request was not done."""

    def __init__(self, status: int, code: str, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text
        self.headers = headers or {}


def refused(refusal: Refusal) -> Problem:
    """A refusal of the desk, as a problem."""
    return Problem(STATUSES.get(refusal.code, 409), refusal.code, refusal.text)


def is_for_programs(request: Request) -> bool:
    """Whether a program asked, and not a browser."""
    return request.url.path.startswith(PREFIXES)


def answer_of(status: int, code: str, text: str, headers: Mapping[str, str] | None = None, errors: Sequence[object] = ()) -> Response:
    """The answer that tells a problem."""
    told = {"type": f"/api#{code}", "title": TITLES.get(status, "Not done"), "status": status, "code": code, "detail": text}
    return JSONResponse({**told, **({"errors": list(errors)} if errors else {})}, status, dict(headers or {}), MEDIA_TYPE)


def answer_with_text(status: int, code: str, seconds: int = 0) -> Response:
    """A problem whose sentence the pages have as well."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {"Retry-After": str(seconds)} if seconds else {}
    return answer_of(status, code, TEXTS[code][1], headers)


def answer_to_http(error: Exception) -> Response:
    """A path that there is not, or not for this method."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "no_method"}.get(error.status_code, "unreadable")
    return answer_of(error.status_code, code, TEXTS[code][1], error.headers)


def answer_not_understood(error: RequestValidationError) -> Response:
    """Where a request is not what the description says. What was sent is not sent back."""
    errors = [{"at": ".".join(map(str, one["loc"])), "problem": str(one["msg"])} for one in error.errors()[:20]]
    return answer_of(422, "not_understood", "the request is not as described: see `errors` and /api/openapi.json", errors=errors)


def responses(*statuses: int) -> dict[int | str, dict[str, object]]:
    """These problems, for the description of an endpoint; every endpoint has some more."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    every = (400, 401, 403, 422, 429, 503)
    return {status: {"description": TITLES[status], "content": content} for status in sorted({*every, *statuses})}
