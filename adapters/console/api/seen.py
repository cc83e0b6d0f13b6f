"""One ticket as a program has seen it (RFC 9110, 8.8.3 and 13): `ETag` tells it apart, `If-None-Match` asks whether there is anything new,
and `If-Match` changes it only while there is not.

A tag is made of what is told and of nothing else, so that it gives away nothing that is masked; until when a claim holds is left out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header, Path
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.console.api.problems import Problem, responses
from adapters.console.api.route import api_of, program
from adapters.console.guard import SAFE
from ivr.desk.programs import Shown

Reference = Annotated[str, Path(pattern=r"^[1-9][0-9]{5,7}$", description="What the caller was told.", examples=["482913"])]
IfMatch = Annotated[str | None, Header(alias="If-Match", description="An `ETag`: 412 once the ticket is not as it was told then.")]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="An `ETag`: 304 while the ticket is as it was told then.")]

_TAGGED: dict[str, object] = {
    "description": "The ticket.",
    "headers": {"ETag": {"description": "Of what is told here.", "schema": {"type": "string"}}},
}
SEEN: dict[int | str, dict[str, object]] = {**responses(404, 412), 200: _TAGGED, 304: {"description": "As it was told before."}}
AFTER_CHANGE: dict[int | str, dict[str, object]] = {**responses(404, 409, 412), 200: _TAGGED}
_TAG = re.compile(r'(?:W/)?"[^"]*"|\*')


@dataclass(frozen=True)
class OneTicket:
    """A ticket in the words of one side of ours, and where it is to be had."""

    tell: Callable[[Shown], dict[str, Any]]
    address: str

    def answer(self, request: Request, shown: Shown, choose: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> Response:
        """The ticket, or that it is as it was; `choose` takes some of it. Raises Problem."""
        told = self.tell(shown)
        tag = tag_of(told)
        if _is_known(request, tag):
            return Response(status_code=304, headers={"ETag": tag})
        return JSONResponse(choose(told), headers={"ETag": tag})

    def after(self, shown: Shown, status: int = 200) -> Response:
        """The ticket as it is after a change."""
        told = self.tell(shown)
        return JSONResponse(told, status, {"ETag": tag_of(told), "Content-Location": self.address + shown.ticket.reference})

    async def as_seen(self, request: Request, reference: Reference, if_match: IfMatch = None) -> Shown | None:
        """Before a change, for who asks that it be made only to what they have seen: what that is. Raises Problem."""
        if not {"if-match", "if-none-match"} & set(request.headers):
            return None
        shown = await api_of(request).tickets.compare(program(request), reference)
        _is_known(request, tag_of(self.tell(shown)))
        return shown


def described(if_none_match: IfNoneMatch = None) -> None:
    """So that the description has it; who answers looks at it."""


def token_of(seen: Shown | None) -> int | None:
    """The claim that was seen, for the database to hold a change to; None for who does not ask for it."""
    return None if seen is None else seen.ticket.claim_token


def tag_of(told: dict[str, Any]) -> str:
    """What tells it from every other."""
    lasting = {key: value for key, value in told.items() if key != "lease_until"}  # who has it renews that all the time
    return f'"{hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()[:32]}"'


def _is_known(request: Request, tag: str) -> bool:
    """Whether the program has it already. Raises Problem when it is to be changed only as it was seen, and is not so."""
    wanted, known = _tags(request, "if-match"), _tags(request, "if-none-match")
    unlike = wanted is not None and not {"*", tag} & wanted  # compared strongly: a weak tag is like none
    alike = known is not None and bool({"*", tag} & {one.removeprefix("W/") for one in known})
    if unlike or (alike and request.method not in SAFE):
        raise Problem(412, "changed", "the ticket is not as it was when you got that ETag: look at it again", {"ETag": tag})
    return alike


def _tags(request: Request, header: str) -> set[str] | None:
    """The tags of a header; None without it."""
    lines = request.headers.getlist(header)
    return set(_TAG.findall(", ".join(lines))) if lines else None
