"""The people and moments of the storage tests."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

from ivr.calls.intents import recording_name
from ivr.calls.ports import (
    Attempt,
    AttemptOutcome,
    AttemptState,
    CallbackStore,
    MessageFacts,
    MessageIntent,
    TextMessage,
    TextOutbox,
    TicketState,
)

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=SHANGHAI)
MINUTE = dt.timedelta(minutes=1)
CALLER = "13900001008"
SESSION = "11111111-2222-4333-8444-555555555555"
SPEECH = bytes(range(256)) * 125  # four seconds


def intent(
    session: str = SESSION,
    *,
    node: str = "message",
    count: int = 1,
    caller: str = CALLER,
    topic: str = "billing",
    at: dt.datetime = NOON,
    trust: int = 0,
) -> MessageIntent:
    return MessageIntent(session, node, count, caller, "1008611", topic, "zh-CN", at, "line-1.1", trust)


def facts(of: MessageIntent, audio: bytes = SPEECH, folder: Path = Path("/recordings"), *, partial: bool = False) -> MessageFacts:
    path = folder / f"{recording_name(of)}.alaw"
    return MessageFacts(path, len(audio), len(audio), hashlib.sha256(audio).hexdigest(), partial)


async def bring_to(store: CallbackStore, state: TicketState, outbox: TextOutbox, session: str = SESSION) -> str:
    """A ticket in that state, by the way that agents take it there; its reference."""
    of = intent(session)
    await store.begin(of)
    if state is TicketState.CAPTURING:
        return (await store.tickets(include_ended=True))[-1].reference
    if state is TicketState.ABANDONED:
        await store.abandon(of, "too_short", NOON)
        return (await store.tickets(include_ended=True))[-1].reference
    reference = await store.capture(of, facts(of), NOON)
    match state:
        case TicketState.ESCALATED:
            await store.escalate_due(NOON + 150 * MINUTE)
        case TicketState.CLAIMED | TicketState.DIALING | TicketState.TALKING:
            claimed = await store.claim(reference, "li", NOON)
            assert claimed is not None
            if state is not TicketState.CLAIMED:
                await dial(store, reference, NOON, talk=state is TicketState.TALKING)
        case TicketState.RETRY_WAIT:
            await try_in_vain(store, reference, NOON)
        case TicketState.RESOLVED:
            claimed = await store.claim(reference, "li", NOON)
            assert claimed is not None
            assert await store.resolve(reference, "li", claimed.claim_token, "he is content", NOON)
        case TicketState.CLOSED_UNREACHABLE:
            for hours in (0, 7, 24):
                await try_in_vain(store, reference, NOON + hours * 60 * MINUTE)
            key = f"ticket/{reference}"
            await outbox.queue(TextMessage(key, CALLER, "我们没有联系上您。", "zh-CN", session, NOON))
            await outbox.take(NOON + MINUTE)
            await outbox.sent(key, "receipt", NOON + MINUTE)
            assert await store.close_unreachable(reference, "boss", key, "three times in vain", NOON + 1500 * MINUTE)
    return reference


async def dial(store: CallbackStore, reference: str, at: dt.datetime, *, talk: bool = False) -> Attempt:
    """An agent who holds the ticket calls; with `talk`, they talk."""
    ticket = await store.ticket(reference)
    assert ticket is not None
    attempt = await store.begin_attempt(reference, ticket.assignee or "", ticket.claim_token, at)
    assert isinstance(attempt, Attempt)
    assert await store.attempt_went_on(attempt.channel_id, AttemptState.SENT, at)
    if talk:
        assert await store.attempt_went_on(attempt.channel_id, AttemptState.BRIDGED, at)
    return attempt


async def try_in_vain(store: CallbackStore, reference: str, at: dt.datetime, outcome: AttemptOutcome = AttemptOutcome.NO_ANSWER) -> Attempt:
    """An agent claims the ticket and calls, and reaches nobody."""
    assert await store.claim(reference, "li", at)
    attempt = await dial(store, reference, at)
    assert await store.attempt_ended(attempt.channel_id, outcome, at + MINUTE, cause="19")
    return attempt
