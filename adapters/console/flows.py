"""The published lines and their flows, read-only, with today's traffic."""

from __future__ import annotations

import re

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from adapters.console.board import IN_WORDS, WATCHERS
from adapters.console.guard import Denied, GuardedRoute, allow
from adapters.console.pages import page
from adapters.console.ports import Console
from ivr.desk.lines import FlowPicture, PublishedLine, VersionLine
from ivr.desk.statements import percent
from ivr.errors import UserError

router = APIRouter(route_class=GuardedRoute)

_WIDTH = re.compile(r'viewBox="0(?:\.0+)? 0(?:\.0+)? ([\d.]+) ')
_START = re.compile(r'<text[^>]* x="([\d.]+)"[^>]*>☎<')


@router.get("/flows")
@allow(WATCHERS)
async def lines(request: Request) -> Response:
    """What has been published."""
    console: Console = request.app.state.console
    try:
        found, trouble = await console.board.lines.lines(), ""
    except UserError as error:
        found, trouble = (), str(error)
    return page(request, "flows.html", 500 if trouble else 200, lines=found, trouble=trouble, percent=percent)


@router.get("/flows/{line}")
@allow(WATCHERS)
async def flow(request: Request, line: str, version: int = 0) -> Response:
    """The flow of a version: what answers, unless another one is named."""
    published = await _published(request, line)
    shown = next((one for one in published.versions if one.number == version), None) if version else _first(published)
    if shown is None:
        raise Denied(404, "not_found")
    picture, trouble = await _picture(request, line, shown.number)
    return page(
        request, "flow.html", line=published, shown=shown, picture=picture, trouble=trouble, start_of=start_of, percent=percent, **IN_WORDS
    )


@router.get("/flows/{line}/{number}/picture")
@allow(WATCHERS)
async def picture(request: Request, line: str, number: int) -> Response:
    """The picture alone, for the page and in full size."""
    found, _ = await _picture(request, line, number)
    if found is None or not found.svg:
        raise Denied(404, "not_found")
    return Response(found.svg, media_type="image/svg+xml")


def start_of(svg: str) -> float:
    """How far from the left of the picture a call begins, 0 to 1; 0.5 where that cannot be seen."""
    box, start = _WIDTH.search(svg), _START.search(svg)
    return round(float(start[1]) / float(box[1]), 3) if box and start and float(box[1]) else 0.5


def _first(line: PublishedLine) -> VersionLine | None:
    """What most callers meet."""
    return max(line.versions, key=lambda one: (one.share, one.number), default=None)


async def _published(request: Request, line: str) -> PublishedLine:
    console: Console = request.app.state.console
    try:
        found = next((one for one in await console.board.lines.lines() if one.name == line), None)
    except UserError:
        found = None
    if found is None:
        raise Denied(404, "not_found")
    return found


async def _picture(request: Request, line: str, number: int) -> tuple[FlowPicture | None, str]:
    """The picture, or why there is none."""
    console: Console = request.app.state.console
    try:
        return await console.board.lines.picture(line, number), ""
    except UserError as error:
        return None, str(error)
