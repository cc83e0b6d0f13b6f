"""The programs' side put together: tokens, tickets for programs, webhooks and their sender, which runs in the console.

The sender is the console's and not the engine's, so that a slow receiver, or a name that does not resolve, costs no caller anything. While
no console runs, what is to be told waits in the database.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from adapters.console.api import tmf
from adapters.console.ports import Api
from adapters.console.posting import HttpPoster
from adapters.storage.accounts import SqlAccountStore
from adapters.storage.tickets import SqlTicketStore
from adapters.storage.tokens import SqlAnswerStore, SqlTokenStore
from adapters.storage.transcripts import SqlTranscriptStore
from adapters.storage.webhooks import SqlWebhookStore
from ivr.bootstrap.board import LedgerStatements, Recordings
from ivr.bootstrap.engine import now
from ivr.bootstrap.stores import run_errand
from ivr.calls.number_plan import NumberPlan
from ivr.config import Settings
from ivr.desk.elsewhere import Elsewhere
from ivr.desk.gate import Clock
from ivr.desk.pace import Pace
from ivr.desk.programs import Programs
from ivr.desk.tokens import Tokens
from ivr.desk.webhooks import Sender, Webhooks, in_our_words

Result = TypeVar("Result")

_BURST = 100


def programs_side(settings: Settings, store: SqlTicketStore, people: SqlAccountStore, clock: Clock) -> Api:
    """What the programs' side stands on."""
    database, key = store.database, store.key
    plan = NumberPlan(settings.number_plan, settings.own_numbers)
    return Api(
        tokens=Tokens(SqlTokenStore(database), people, clock),
        tickets=Programs(store, SqlTranscriptStore(database, key, settings.recordings), people, clock),
        elsewhere=Elsewhere(store, lambda number: plan.dialled(number) is not None, settings.flow, clock),
        webhooks=_webhooks(settings, store, people, clock),
        answers=SqlAnswerStore(database, key),
        people=people,
        statements=LedgerStatements(settings, store),
        recordings=Recordings(store),
        pace=Pace(clock, settings.api_rate, _BURST),
        clock=clock,
    )


def sender(settings: Settings, store: SqlTicketStore, clock: Clock) -> Sender:
    """What tells the webhooks."""
    hooks = SqlWebhookStore(store.database, store.key)
    return Sender(hooks, store, _poster(settings), {"selfline": in_our_words, "tmf621": tmf.in_their_words}, clock)


def at_tokens(settings: Settings, work: Callable[[Tokens], Awaitable[Result]]) -> Result:
    """Do one errand with the tokens of programs. Raises UserError."""

    async def errand(store: SqlTicketStore) -> Result:
        return await work(Tokens(SqlTokenStore(store.database), SqlAccountStore(store.database, store.key), now))

    return run_errand(settings, errand)


def at_webhooks(settings: Settings, work: Callable[[Webhooks], Awaitable[Result]]) -> Result:
    """Do one errand with the webhooks. Raises UserError."""

    async def errand(store: SqlTicketStore) -> Result:
        return await work(_webhooks(settings, store, SqlAccountStore(store.database, store.key), now))

    return run_errand(settings, errand)


def _webhooks(settings: Settings, store: SqlTicketStore, people: SqlAccountStore, clock: Clock) -> Webhooks:
    return Webhooks(SqlWebhookStore(store.database, store.key), people, _poster(settings), clock)


def _poster(settings: Settings) -> HttpPoster:
    return HttpPoster(allow_private=settings.webhooks_private)
