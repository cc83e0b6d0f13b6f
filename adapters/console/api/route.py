"""Routes for programs: behind the guard like all others, and with a key a change is made once, however often it is asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Header
from fastapi.security import HTTPBearer
from starlette.requests import Request
from starlette.responses import Response

from adapters.console.api.problems import Problem
from adapters.console.guard import SAFE, GuardedRoute, visitor
from adapters.console.ports import Api
from ivr.desk.answers import REMEMBERED, UNFINISHED, Begun
from ivr.desk.people import Session

KEY = "idempotency-key"
LONGEST_KEY = 128
KEPT_HEADERS = ("content-type", "location", "content-location", "etag")

bearer = HTTPBearer(auto_error=False, description="A token of `ivr console tokens add`.")


def _described(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=LONGEST_KEY,
            pattern=r"^[\x21-\x7e]+$",
            description="Of your choice. The same request under the same key is done once and answered the same for a day.",
        ),
    ] = None,
) -> None:
    """So that the description has it; the route itself has looked at it before."""


SECURED = [Depends(bearer)]
ONCE = [*SECURED, Depends(_described)]


class ProgramRoute(GuardedRoute):
    """A guarded route that answers a request anew which it has answered before under the same key."""

    def behind_the_guard(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint, done once for each key."""
        handle = super().behind_the_guard()

        known = {field.alias for field in self.dependant.query_params}

        async def once(request: Request) -> Response:
            if unknown := sorted(set(request.query_params) - known):
                raise Problem(422, "not_understood", f"there is no parameter {unknown[0][:64]!r} here")
            key = request.headers.get(KEY, "")
            if request.method in SAFE or not key:
                return await handle(request)
            if len(key) > LONGEST_KEY:
                raise Problem(422, "not_understood", f"an Idempotency-Key has {LONGEST_KEY} characters at most")
            return await _once(request, key, handle)

        return once


def api_of(request: Request) -> Api:
    """What the programs' side stands on."""
    api: Api = request.app.state.console.api
    return api


def program(request: Request) -> Session:
    """Who asks."""
    session = visitor(request).session
    assert session is not None
    return session


async def _once(request: Request, key: str, handle: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    api, at = api_of(request), api_of(request).clock()
    asked = b"\n".join((request.method.encode(), str(request.url.path).encode(), str(request.url.query).encode(), await request.body()))
    begun = Begun(program(request).key, key, hashlib.sha256(asked).hexdigest(), at)
    before = await api.answers.begin(begun, forgotten_before=at - REMEMBERED, unfinished_before=at - UNFINISHED)
    if before is not None and before.request != begun.request:
        raise Problem(422, "key_used", "that Idempotency-Key was used for another request")
    if before is not None and before.status is None:
        raise Problem(409, "under_way", "the same request is being done just now; try again in a moment")
    if before is not None and before.status is not None:
        told = json.loads(before.text)
        return Response(told["body"].encode(), before.status, {**told["headers"], "Idempotency-Replayed": "true"})
    try:
        response = await handle(request)
    except BaseException:  # nothing was changed, or it is safe to do again: every change is conditional
        await api.answers.forget(begun)
        raise
    if response.status_code < 300:
        headers = {name: value for name, value in response.headers.items() if name in KEPT_HEADERS}
        told = {"headers": headers, "body": bytes(response.body).decode()}
        await api.answers.end(begun, response.status_code, json.dumps(told))
    else:
        await api.answers.forget(begun)
    return response
