"""The agents' pages: what is due next, one ticket with all that is known of it, and what one does with it.

Whatever a page shows of a caller is written down before it is shown, and whatever is heard before it is heard. A form says what its page
showed, so that one that is sent twice, or late, does nothing twice. The pages learn of changes from a feed that tells which tickets have
changed and nothing of them, and then look again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from adapters.console.audio import begins, in_parts, wav
from adapters.console.guard import Denied, GuardedRoute, Rule, allow, only, visitor
from adapters.console.pages import language_of, page
from adapters.console.ports import Console, WayOut
from adapters.console.shown import Notes, Outlines, Rows
from adapters.console.texts.desk import TOLD
from ivr.calls.number_plan import national
from ivr.calls.ports import Attempt, AttemptOutcome, Outcome, Refused
from ivr.calls.tickets import (
    CallUnderWay,
    Claimed,
    Closed,
    Ended,
    HandedOver,
    NewMessage,
    NoteMissing,
    NothingToSettle,
    NotYours,
    Returned,
    Settled,
    TakenByAnother,
)
from ivr.desk.callbacks import ANSWERERS, CallbackDesk, Filter, Hold, NotOpen, OutOfDate, Sheet
from ivr.desk.people import Action, Session
from ivr.desk.seats import SeatNow
from ivr.errors import StoreFailed, UnknownTicket

router = APIRouter(route_class=GuardedRoute)

AT_DESK = only(*ANSWERERS)
DESK_FEED = Rule("desk feed", frozenset(ANSWERERS), active=False)
OUTCOMES = tuple(outcome for outcome in Outcome if outcome is not Outcome.UNREACHABLE)
SETTLED = (AttemptOutcome.ANSWERED, AttemptOutcome.NO_ANSWER, AttemptOutcome.BUSY, AttemptOutcome.VOICEMAIL)
LONGEST_NOTE = 2000
_MANY = 200


@router.get("/desk")
@allow(AT_DESK)
async def overview(request: Request, show: str = "", told: str = "") -> Response:
    """What is due next, and why."""
    shown = Filter(show) if show in set(Filter) else Filter.WAITING
    there = await _desk(request).overview(_who(request).name, shown)
    return page(
        request,
        "desk.html",
        there=there,
        others=_rows(request).of(there.queue, there.others, language_of(request)),
        shown=shown,
        filters=tuple(Filter),
        telephone=await _telephone(request),
        calls_out=_console(request).calls_out,
        told=told if told in TOLD else "",
    )


@router.get("/desk/live")
@allow(DESK_FEED)
async def live(request: Request) -> Response:
    """Which tickets change, as server-sent events, for a minute; then the browser asks again, and is known anew."""
    return StreamingResponse(_events(_desk(request)), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@router.post("/desk/next")
@allow(AT_DESK)
async def take_next(request: Request) -> Response:
    """The ticket that is next is this agent's."""
    desk = _desk(request)
    claimed = await desk.tickets.next(_who(request).name)
    desk.changes.soon()
    if claimed is None:
        return RedirectResponse("/desk?told=nobody_waits", 303)
    return _to(claimed.ticket.line.reference)


@router.get("/tickets/{reference}")
@allow(AT_DESK)
async def ticket(request: Request, reference: str, told: str = "") -> Response:
    """One ticket, as far as this person may see it."""
    who = _who(request)
    with _known():
        sheet = await _desk(request).sheet(reference, who)
    if sheet.open:
        await _look(request, reference, f"{sheet.details.line.assignee} {sheet.listed.calls}")
    return page(
        request,
        "ticket.html",
        sheet=sheet,
        ticket=sheet.details.line,
        players=await _players(request, sheet),
        heard={one for one in range(1, len(sheet.details.messages) + 1) if _notes(request).knows("heard", who.key, reference, str(one))},
        outcomes=OUTCOMES,
        settled=SETTLED,
        dialling=_dialling(sheet),
        telephone=await _telephone(request) if sheet.hold in (Hold.FREE, Hold.MINE) else SeatNow.UNKNOWN,
        calls_out=_way_out(_console(request), sheet),
        longest_note=LONGEST_NOTE,
        told=told if told in TOLD else "",
    )


@router.get("/tickets/{reference}/calls/{session}")
@allow(AT_DESK)
async def path(request: Request, reference: str, session: str) -> Response:
    """The way that the caller took through the menu in one call."""
    with _known():
        steps = await _desk(request).path(reference, session)
    return page(request, "ticket_path.html", steps=steps)


@router.get("/tickets/{reference}/account")
@allow(AT_DESK)
async def account(request: Request, reference: str) -> Response:
    """The caller's account, for the agent who has the ticket."""
    desk, who = _desk(request), _who(request)
    with _known():
        await desk.must_be_open(reference, who)
        await _look(request, reference, "account")
        found = await desk.account(reference, who)
    return page(request, "ticket_account.html", account=found)


@router.get("/tickets/{reference}/messages/{number}/audio")
@allow(AT_DESK)
async def audio(request: Request, reference: str, number: int) -> Response:
    """A message to listen to. The listen is written down first."""
    who, asked = visitor(request), request.headers.get("range", "")
    with _known():
        await _desk(request).must_be_open(reference, _who(request))
        if _notes(request).is_new("heard", _who(request).key, reference, str(number)) or begins(asked) == 0:
            await _console(request).gate.write_down(who.name, Action.LISTENED, f"ticket {reference} message {number}", who.address)
        try:
            alaw = await _desk(request).audio(reference, number)
        except StoreFailed:
            raise Denied(404, "desk_no_recording") from None
    return in_parts(await asyncio.to_thread(wav, alaw), asked, "audio/wav")


@router.post("/tickets/{reference}/claim")
@allow(AT_DESK)
async def claim(request: Request, reference: str) -> Response:
    """The ticket is this agent's, unless somebody was faster; again: every message on it has been heard."""
    with _changing(request) as desk:
        match await desk.tickets.claim(reference, _who(request).name):
            case Claimed():
                return _to(reference)
            case TakenByAnother():
                return _to(reference, "taken")
            case Ended():
                return _to(reference, "ended")


@router.post("/tickets/{reference}/hold")
@allow(AT_DESK)
async def hold(request: Request, reference: str) -> Response:
    """The agent's page is open: the claim does not run out."""
    with _known():
        held = await _desk(request).tickets.hold(reference, _who(request).name)
    return Response(status_code=204 if held else 409)


@router.post("/tickets/{reference}/release")
@allow(AT_DESK)
async def release(request: Request, reference: str) -> Response:
    """Back to the queue."""
    with _changing(request) as desk:
        match await desk.tickets.release(reference, _who(request).name):
            case Returned():
                return RedirectResponse("/desk?told=returned", 303)
            case NotYours(assignee=assignee):
                return _to(reference, "under_way" if assignee == _who(request).name else "not_yours")
            case Ended():
                return _to(reference, "ended")


@router.post("/tickets/{reference}/hand-over")
@allow(AT_DESK)
async def hand_over(request: Request, reference: str, to: str = Form("")) -> Response:
    """Another agent goes on with it."""
    with _changing(request) as desk:
        if not await desk.colleague(to, _who(request).name):
            return _to(reference, "no_colleague")
        match await desk.tickets.hand_over(reference, _who(request).name, to):
            case HandedOver():
                return RedirectResponse("/desk?told=handed_over", 303)
            case CallUnderWay():
                return _to(reference, "under_way")
            case NotYours():
                return _to(reference, "not_yours")
            case Ended():
                return _to(reference, "ended")


@router.post("/tickets/{reference}/call")
@allow(AT_DESK)
async def call(request: Request, reference: str, tried: str = Form("")) -> Response:
    """Plan a call back; the engine places it. `tried`: how many attempts the page has shown."""
    with _changing(request) as desk:
        shown = int(tried) if tried.isascii() and tried.isdecimal() and len(tried) < 5 else -1
        match await desk.call(reference, _who(request).name, shown):
            case Attempt():
                return _to(reference)
            case Refused(reason=reason):
                return _to(reference, f"refused_{reason}")
            case NotYours():
                return _to(reference, "not_yours")
            case Ended():
                return _to(reference, "ended")
            case OutOfDate():
                return _to(reference, "out_of_date")


@router.post("/tickets/{reference}/settle")
@allow(AT_DESK)
async def settle(request: Request, reference: str, outcome: str = Form("")) -> Response:
    """How a call ended of which the line does not know; or that a voice mail answers."""
    with _changing(request) as desk:
        if outcome not in {one.value for one in SETTLED}:
            raise Denied(400, "failed")
        match await desk.tickets.settle(reference, _who(request).name, AttemptOutcome(outcome)):
            case Settled():
                return _to(reference)
            case NothingToSettle():
                return _to(reference, "out_of_date")
            case NotYours():
                return _to(reference, "not_yours")
            case Ended():
                return _to(reference, "ended")


@router.post("/tickets/{reference}/close")
@allow(AT_DESK)
async def close(request: Request, reference: str, note: str = Form(""), outcome: str = Form("")) -> Response:
    """The caller has been answered."""
    with _changing(request) as desk:
        if outcome not in {one.value for one in OUTCOMES} or len(note) > LONGEST_NOTE:
            raise Denied(400, "failed")
        match await desk.tickets.close(reference, _who(request).name, _plain(note), Outcome(outcome)):
            case Closed():
                return RedirectResponse("/desk?told=closed", 303)
            case NoteMissing():
                return _to(reference, "note_missing")
            case NewMessage():
                return _to(reference, "new_message")
            case CallUnderWay():
                return _to(reference, "under_way")
            case NotYours():
                return _to(reference, "not_yours")
            case Ended():
                return _to(reference, "ended")


@contextlib.contextmanager
def _known() -> Iterator[None]:
    """What is asked for is there, and may be seen: else the visitor is told that it is not."""
    try:
        yield
    except UnknownTicket:
        raise Denied(404, "desk_no_ticket") from None
    except NotOpen:
        raise Denied(403, "desk_not_open") from None


@contextlib.contextmanager
def _changing(request: Request) -> Iterator[CallbackDesk]:
    """The desk, for something that changes a ticket: everybody's pages learn of it at once."""
    desk = _desk(request)
    with _known():
        yield desk
    desk.changes.soon()


async def _look(request: Request, reference: str, what: str) -> None:
    """Write down that the ticket is looked at: once for each page that a person opens, not for each time that it looks again by itself."""
    who = visitor(request)
    new = _notes(request).is_new("seen", _who(request).key, reference, what)
    if new or "x-background" not in request.headers:
        await _console(request).gate.write_down(who.name, Action.LOOKED_AT, f"ticket {reference}", who.address)


async def _telephone(request: Request) -> SeatNow:
    """How one's own telephones are: a call back rings them first."""
    return await _console(request).seats.now(_who(request).name)


def _way_out(console: Console, sheet: Sheet) -> WayOut:
    """Where this caller is called back: a page rings for the numbers only that it can be opened with."""
    elsewhere = sheet.hold is Hold.MINE and national(sheet.details.caller) not in console.telephone.rung()
    return WayOut.NOWHERE if console.calls_out is WayOut.BROWSER and elsewhere else console.calls_out


async def _players(request: Request, sheet: Sheet) -> Mapping[int, str]:
    """The outlines of the messages, by number; nothing for those that cannot be heard."""
    if not sheet.open:
        return {}
    desk, outlines, found = _desk(request), _outlines(request), {}
    for number, message in enumerate(sheet.details.messages, start=1):
        if not message.purged:
            with contextlib.suppress(StoreFailed):
                found[number] = await outlines.of(message.key, partial(desk.audio, sheet.details.line.reference, number))
    return found


def _dialling(sheet: Sheet) -> bool:
    """Whether a call is under way, as far as anybody knows."""
    return sheet.hold is Hold.MINE and sheet.attempt is not None and sheet.attempt.outcome is None


async def _events(desk: CallbackDesk) -> AsyncIterator[str]:
    yield "retry: 1000\n\n"
    async for changed in desk.changes.watch():
        told = sorted(changed) if len(changed) <= _MANY else ["*"]
        yield f"data: {json.dumps(told)}\n\n"


def _plain(note: str) -> str:
    """The words, with line ends as they are kept, and without what no keyboard makes."""
    lines = note.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(letter for letter in lines if letter in "\n\t" or letter.isprintable())


def _to(reference: str, told: str = "") -> Response:
    """To the page of the ticket, which tells how it stands; `told` is what is said beside it."""
    return RedirectResponse(f"/tickets/{reference}{f'?told={told}' if told else ''}", 303)


def _console(request: Request) -> Console:
    console: Console = request.app.state.console
    return console


def _desk(request: Request) -> CallbackDesk:
    return _console(request).desk


def _outlines(request: Request) -> Outlines:
    outlines: Outlines = request.app.state.outlines
    return outlines


def _rows(request: Request) -> Rows:
    rows: Rows = request.app.state.rows
    return rows


def _notes(request: Request) -> Notes:
    notes: Notes = request.app.state.notes
    return notes


def _who(request: Request) -> Session:
    session = visitor(request).session
    assert session is not None
    return session
