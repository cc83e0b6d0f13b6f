"""What describes the programs' side: OpenAPI 3.1 for programs, and a page that shows the same to people, without the internet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from markdown_it import MarkdownIt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from adapters.console.api.problems import ProblemDetails
from adapters.console.api.route import ProgramRoute
from adapters.console.guard import PUBLIC, GuardedRoute, allow
from adapters.console.pages import page

router = APIRouter(route_class=GuardedRoute)

ABOUT = """Callback tickets (来电必复) and what belongs to them.

A program shows a token (`Authorization: Bearer slf_...`), which `ivr console tokens add` makes. A ticket is changed by who has claimed it,
under the `claim_token` of that claim: one that is out of date changes nothing. Problems are told after RFC 9457. docs/api.md tells more."""
_MARKDOWN = MarkdownIt("commonmark", {"html": False})  # what descriptions are written in; markup in them stays text
_TAGS = {
    "tickets": "来电必复工单 Callback tickets, from claim to close.",
    "statement": "承诺对账 Every promise and what became of it.",
    "people": "人员与操作记录 Who may sign in, and what they did.",
    "webhooks": "事件推送 Being told what happens.",
    "tmf621": "TM Forum TMF621 Trouble Ticket v4, for other desks.",
}


@router.get("/api/openapi.json")
@allow(PUBLIC)
async def openapi(request: Request) -> Response:
    """The description for programs."""
    return JSONResponse(description(request))


@router.get("/api")
@allow(PUBLIC)
async def shown(request: Request) -> Response:
    """The description for people."""
    told = description(request)
    return page(request, "api.html", about=_MARKDOWN.render(told["info"]["description"]), groups=list(_groups(told)))


def description(request: Request) -> dict[str, Any]:
    """OpenAPI 3.1 of the routes for programs, made once."""
    state = request.app.state
    if not hasattr(state, "description"):
        state.description = describe(request.app.routes)
    found: dict[str, Any] = state.description
    return found


def describe(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """OpenAPI 3.1 of those among the routes that are for programs."""
    told = get_openapi(
        title="selfline",
        version=version("selfline"),
        openapi_version="3.1.0",
        description=ABOUT,
        routes=[route for route in routes if isinstance(route, ProgramRoute)],
        tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
    )
    schemas = told["components"]["schemas"]
    schemas["ProblemDetails"] = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    for operation in (operation for operations in told["paths"].values() for operation in operations.values()):
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return told


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter may be left out, but not be null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    others = {name: value for name, value in schema.items() if name != "anyOf"}
    return {**others, **kinds[0]} if len(kinds) == 1 else schema


def _groups(told: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The endpoints of each tag, for a table."""
    for tag in told["tags"]:
        yield (
            tag["description"],
            [
                {
                    "method": method.upper(),
                    "path": path,
                    "text": _MARKDOWN.renderInline(operation.get("description", "")),
                    "parameters": _parameters(operation),
                }
                for path, operations in told["paths"].items()
                for method, operation in operations.items()
                if tag["name"] in operation.get("tags", ())
            ],
        )


def _parameters(operation: Mapping[str, Any]) -> str:
    """The names of what an endpoint takes; of its body, the name of the schema."""
    names = [one["name"] for one in operation.get("parameters", ()) if one["in"] != "header"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    return ", ".join([*names, *([body.rsplit("/", 1)[1]] if body else [])])
