"""What the application needs of the world, as protocols of a verb or two. Adapters implement them; `adapters.memory` fakes them."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ivr.core.commands import AskDigits, Play, Release, Transfer
from ivr.core.events import (
    CallerHungUp,
    CommandFailed,
    DigitsEntered,
    NothingHeard,
    PromptPlayed,
    Released,
    SpeechHeard,
    SpeechUnavailable,
    TransferEnded,
)
from ivr.core.values import LookupSignature, Utterance, Value

LineCommand = Play | AskDigits | Transfer | Release
LineEvent = (
    PromptPlayed | DigitsEntered | NothingHeard | SpeechHeard | SpeechUnavailable | TransferEnded | CommandFailed | CallerHungUp | Released
)


class Clock(Protocol):
    """The time, passed in: an aware datetime in the line's own zone."""

    def __call__(self) -> dt.datetime: ...


@dataclass(frozen=True, slots=True)
class Held:
    """How holding the line ended: the keys pressed meanwhile, and whether the caller is gone."""

    keys: str = field(repr=False)
    hung_up: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the line says of a recording: its length in samples (8 kHz) and whether the caller ended it by hanging up."""

    samples: int
    hung_up: bool


class Channel(Protocol):
    """One caller's line. It performs one command at a time and never raises because the caller has gone."""

    async def perform(self, command: LineCommand) -> LineEvent:
        """Do it, and say what happened; CallerHungUp in place of any answer."""

    async def hold(self, work: asyncio.Future[object], comfort: Utterance | None, comfort_after: dt.timedelta) -> Held:
        """Keep the line busy until `work` is done, so that no key is lost; past `comfort_after`, play `comfort` once.

        Returns as soon as the work is done or the caller is gone. It neither cancels the work nor looks at its result.
        """

    async def record(self, name: str, max_length: dt.timedelta, final_silence: dt.timedelta) -> Recorded:
        """Beep, then record raw a-law (8,000 bytes a second) to `name` + ".alaw" in the recordings folder; # ends it.

        `name` matches ^[a-z0-9_-]{1,64}$ and is used once, ever. Raises ChannelFailed when the line cannot record.
        """


class BackOffice(Protocol):
    """Where balances, usage and bills come from."""

    @property
    def signatures(self) -> Mapping[str, LookupSignature]:
        """The look-ups there are, by name."""

    async def look_up(self, name: str, arguments: Mapping[str, Value]) -> Value:
        """The answer, a mapping of the signature's shape; None when there is no such thing.

        Raises BackOfficeFailed for anything else. The caller of this method sets the deadline and may cancel it.
        """


@dataclass(frozen=True, slots=True)
class Part:
    """What can be heard of an utterance now; with `rest`, more of it is being made.

    Whoever plays it calls `rest` once, when `file` has been heard. It answers within a few seconds, or raises VoiceFailed.
    """

    file: Path
    rest: Callable[[], Awaitable[Part]] | None = None


class Voice(Protocol):
    """Turns an utterance into audio files of the line: raw a-law (8 kHz, one byte a sample).

    A file's stem is a token ^[a-z0-9_-]{1,64}$; a file never changes once its path has been returned.
    """

    async def begin(self, utterance: Utterance) -> Part:
        """Its beginning, as soon as there is something to hear: all of it, unless a text must be made that nobody has recorded.

        What no engine can say is left out, and the rest is said. Raises VoiceFailed when nothing of it can be said, or when what
        is missing is part of a value.
        """

    async def file_for(self, utterance: Utterance) -> Path:
        """All of it as one file, however long it takes to make. Raises VoiceFailed as `begin` does."""


class LiveCalls(Protocol):
    """Which calls Asterisk still has; the recovery asks before it adopts a half-made message."""

    async def live_sessions(self) -> frozenset[str] | None:
        """Session ids (the dialplan's UUIDs) of the channels that are up; None when Asterisk does not answer."""


# --- messages and tickets ---------------------------------------------------------------------------------------


class TicketState(StrEnum):
    """The life of a callback ticket.

    capturing -> open | abandoned; open -> claimed -> dialing -> talking -> resolved. An attempt that reached nobody leads to retry_wait and
    from there to claimed again; a ticket that nobody answered in time becomes escalated, and is claimed from there. Lost or given back, a
    claim leads to open, or to escalated. With proof, retry_wait -> closed_unreachable.
    """

    CAPTURING = "capturing"
    OPEN = "open"
    CLAIMED = "claimed"
    DIALING = "dialing"
    TALKING = "talking"
    RETRY_WAIT = "retry_wait"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    CLOSED_UNREACHABLE = "closed_unreachable"
    ABANDONED = "abandoned"


WAITING = (TicketState.OPEN, TicketState.RETRY_WAIT, TicketState.ESCALATED)
HELD = (TicketState.CLAIMED, TicketState.DIALING, TicketState.TALKING)
UNANSWERED = (*WAITING, *HELD)
KEPT = (TicketState.RESOLVED, TicketState.CLOSED_UNREACHABLE)
ENDED = (*KEPT, TicketState.ABANDONED)


@dataclass(frozen=True, slots=True)
class MessageIntent:
    """What must not be lost of a message, known before the beep. It is written to disk before anything else."""

    session: str
    node: str
    count: int
    caller_id: str = field(repr=False)
    dialled: str
    topic: str
    language: str
    begun_at: dt.datetime
    channel: str = ""  # Asterisk's unique id, for correlation only
    trust: int = 0  # how well the caller is known: 0 by a number that can be forged, 1 by a PIN, 2 by a PIN and a code sent to the number

    @property
    def message_key(self) -> str:
        """The identity of the message: everything done twice under one key is done once."""
        return f"{self.session}/{self.node}/{self.count}"


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What is known of a recording once it is over."""

    path: Path
    size: int  # bytes on disk
    samples: int | None  # what Asterisk reported; None when it was adopted after a crash
    sha256: str
    partial: bool  # shorter on disk than reported, or cut off by a crash


@dataclass(frozen=True, slots=True)
class FoundRecording:
    """A recording as it lies in the folder."""

    path: Path
    size: int
    changed_at: dt.datetime


class TranscriptState(StrEnum):
    """The life of a transcript: waiting -> heard | failed. A message that nobody has tried to transcribe has none."""

    WAITING = "waiting"  # it was tried and will be tried again, or is being heard right now
    HEARD = "heard"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a recogniser made of a message. It errs: the recording is the truth."""

    text: str = field(repr=False)  # what a caller said, which may be anything; "" when no words were understood
    language: str
    confidence: float  # 0..1, the recogniser's own opinion
    engine: str


@dataclass(frozen=True, slots=True)
class MessageTranscript:
    """What has become of the transcript of a message. `heard` is there in that state, `reason` (a short word) after a failure."""

    state: TranscriptState
    attempts: int
    changed_at: dt.datetime
    heard: Transcript | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A recorded message as an agent meets it."""

    key: str
    path: Path
    seconds: float
    partial: bool
    recorded_at: dt.datetime
    transcript: MessageTranscript | None = None
    sealed: bool = False  # `path` is encrypted with the data key
    purged: bool = False  # its time to be kept is over: there is no file any more


class UnansweredKind(StrEnum):
    """Why a caller who wanted a person had none, and left no message."""

    ABANDONED = "abandoned"  # hung up while waiting for one
    NO_ANSWER = "no_answer"  # nobody picked up
    BUSY = "busy"  # everybody was talking
    FAILED = "failed"  # the line broke


@dataclass(frozen=True, slots=True)
class UnansweredCall:
    """A call that nobody answered. `session` is its identity: told twice, it is one."""

    session: str
    kind: UnansweredKind
    caller_id: str = field(repr=False)
    dialled: str
    language: str
    begun_at: dt.datetime
    topic: str = ""  # what it was about, if that is known
    trust: int = 0
    channel: str = ""


class AttemptState(StrEnum):
    """An attempt to call back: planned -> sent -> ringing -> bridged -> ended. One whose end nobody knows is unknown until it is told."""

    PLANNED = "planned"
    SENT = "sent"
    RINGING = "ringing"
    BRIDGED = "bridged"
    UNKNOWN = "unknown"
    ENDED = "ended"


class AttemptOutcome(StrEnum):
    """What came of an attempt."""

    ANSWERED = "answered"  # they talked, for ten seconds or more
    DROPPED = "dropped"  # they talked for less
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    VOICEMAIL = "voicemail"
    UNREACHABLE = "unreachable"  # switched off, no network
    INVALID_NUMBER = "invalid_number"
    AGENT_FAILED = "agent_failed"  # the agent's own telephone; the customer's has not rung
    NOT_PLACED = "not_placed"  # refused before anything rang


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to call back. `channel_id` is what its call is named in Asterisk, so that it is placed once."""

    number: int
    channel_id: str
    agent: str
    state: AttemptState
    begun_at: dt.datetime
    outcome: AttemptOutcome | None = None
    cause: str = ""  # what the network said
    ended_at: dt.datetime | None = None
    bridged: dt.timedelta | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is no attempt now.

    not_yours, hours (nobody is rung up at this one), unsettled (nobody knows how the last one ended), ticket_limit or number_limit (too
    many today).
    """

    reason: str


class Outcome(StrEnum):
    """What a ticket was closed with."""

    ANSWERED = "answered"  # the caller got an answer
    INFORMED = "informed"  # somebody else took it, or it was sent in writing
    NOT_NEEDED = "not_needed"  # the caller needs nothing any more
    WRONG_NUMBER = "wrong_number"  # whoever answers there did not call
    UNREACHABLE = "unreachable"  # with proof: nobody could be reached


@dataclass(frozen=True, slots=True)
class Escalation:
    """A ticket that nobody answered in time. `clock` is the one that ran out: business or day."""

    reference: str
    clock: str
    due_at: dt.datetime


@dataclass(frozen=True, slots=True)
class TicketEvent:
    """One entry of a ticket's history, which is a chain of hashes."""

    at: dt.datetime
    actor: str
    kind: str
    about: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A promise to call back. One open ticket per caller, topic and trust; later messages and calls are attached to it."""

    reference: str  # six digits, read to the caller
    state: TicketState
    topic: str
    language: str
    caller_id: str = field(repr=False)
    dialled: str
    created_at: dt.datetime
    due_at: dt.datetime
    assignee: str | None
    claim_token: int
    messages: tuple[Message, ...]
    note: str | None
    resolved_at: dt.datetime | None
    hard_due_at: dt.datetime | None = None  # a day after the first call; `due_at` keeps to business hours
    not_before: dt.datetime | None = None  # nobody is to be rung up earlier
    trust: int = 0
    priority: int = 100  # the lesser, the sooner
    escalated: bool = False
    lease_until: dt.datetime | None = None
    outcome: str | None = None
    calls: tuple[UnansweredCall, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    erased: bool = False  # the caller is forgotten: no number, no words, no recording


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A promise as the statement has it. `standing` is kept, open or overdue."""

    reference: str
    standing: str
    state: TicketState
    topic: str
    dialled: str
    created_at: dt.datetime
    due_at: dt.datetime
    resolved_at: dt.datetime | None
    outcome: str
    attempts: int

    @property
    def late(self) -> bool:
        """Whether the caller had to wait longer than promised."""
        return self.standing == "overdue" or (self.resolved_at is not None and self.resolved_at > self.due_at)


@dataclass(frozen=True, slots=True)
class Statement:
    """Every promise of a time, and what became of it: promised = kept + open + overdue + missing."""

    lines: tuple[StatementLine, ...]  # each promise that is in the database
    missing: tuple[str, ...]  # the calls in which a call back was promised, and which have none
    abandoned: int  # beside it: messages begun of which nothing came, and nothing was promised
    calls: Mapping[str, int]  # beside it: calls that nobody answered, by kind; each belongs to a ticket, unless the caller had no number

    @property
    def promised(self) -> int:
        """All of it."""
        return len(self.lines) + len(self.missing)

    def count(self, standing: str) -> int:
        """How many are kept, open or overdue."""
        return sum(line.standing == standing for line in self.lines)


class TicketStore(Protocol):
    """Tickets and their messages, in a database. Every method is one transaction and may be repeated with the same key.

    Every method raises StoreFailed when the database is away, locked or broken.
    """

    async def begin(self, intent: MessageIntent) -> None:
        """Write the call, message and ticket rows in state `capturing`. A second time changes nothing."""

    async def capture(self, intent: MessageIntent, facts: MessageFacts, at: dt.datetime) -> str:
        """The message is whole: open its ticket, or attach it to the caller's open one on that topic; the reference.

        Works without `begin` (the database may have been away before the beep), and a second time answers the same.
        """

    async def abandon(self, intent: MessageIntent, reason: str, at: dt.datetime, facts: MessageFacts | None = None) -> None:
        """No message came of it: kept and counted as `abandoned`. A captured message stays captured."""

    async def capturing(self) -> tuple[MessageIntent, ...]:
        """The messages whose recording has not been accounted for: what a crash leaves behind."""

    async def record_unanswered(self, call: UnansweredCall, at: dt.datetime) -> str | None:
        """A call that nobody answered becomes a ticket, or is attached to one the caller has open; its reference.

        None for a caller without a number, who cannot be called back: counted all the same. A second time changes nothing.
        """

    async def accounted(self, names: Collection[str]) -> frozenset[str]:
        """Those of these recordings, by file name, that belong to a message."""

    async def return_expired(self, at: dt.datetime) -> int:
        """Give claims whose lease has run out back to the queue; how many."""

    async def tickets(self, *, include_ended: bool = False) -> tuple[Ticket, ...]:
        """Open and claimed tickets, the next due first; with `include_ended`, all."""

    async def ticket(self, reference: str) -> Ticket | None:
        """One ticket, or None."""

    async def claim(self, reference: str, agent: str, at: dt.datetime) -> Ticket | None:
        """The ticket, now this agent's; None when another agent was faster or it has ended. Raises UnknownTicket.

        An agent who claims it again renews the lease under the same token, and has then seen every message on it.
        """

    async def release(self, reference: str, agent: str, token: int, at: dt.datetime) -> bool:
        """Give it back to the queue; False when it is no longer this agent's."""

    async def resolve(
        self, reference: str, agent: str, token: int, note: str, at: dt.datetime, outcome: Outcome = Outcome.ANSWERED
    ) -> bool:
        """The caller has been answered; False when the ticket is no longer this agent's (fenced by `claim_token`).

        False too when a message has come in since the claim, which the agent has not heard, and while a call back is under way.
        """


class CallbackStore(TicketStore, Protocol):
    """What those who call back need beside it. Whatever changes a claimed ticket is fenced by its claim token."""

    async def queue(self, limit: int) -> tuple[Ticket, ...]:
        """The tickets that wait, in the order in which `claim_next` gives them out, those included that are not to be called yet."""

    async def history(self, reference: str) -> tuple[TicketEvent, ...]:
        """All that happened to a ticket. Raises UnknownTicket."""

    async def claim_next(self, agent: str, at: dt.datetime, lease: dt.timedelta | None = None) -> Ticket | None:
        """The ticket that is this agent's now: of those that may be called, by priority, then by the time of the first call."""

    async def renew(self, reference: str, agent: str, token: int, at: dt.datetime, lease: dt.timedelta | None = None) -> bool:
        """Hold it longer: the agent is still there. False when it is no longer this agent's."""

    async def hand_over(self, reference: str, agent: str, token: int, to: str, at: dt.datetime) -> bool:
        """Another agent has it from now on; False when it is not this agent's, or a call is under way."""

    async def reassign(self, reference: str, supervisor: str, to: str, at: dt.datetime) -> bool:
        """A supervisor gives it to an agent, whoever has it; False when it has ended, or a call is under way."""

    async def escalate_due(self, at: dt.datetime) -> tuple[Escalation, ...]:
        """Mark the unanswered tickets whose clocks have run out, each once per clock; those that wait move up."""

    async def begin_attempt(self, reference: str, agent: str, token: int, at: dt.datetime) -> Attempt | Refused:
        """Plan a call back: `dialing`. The same attempt again while it is `planned`."""

    async def attempt_went_on(self, channel_id: str, state: AttemptState, at: dt.datetime) -> bool:
        """It was sent, rings, or they talk (`talking`). False when it had gone that far before: who sends must have been told True."""

    async def attempt_ended(
        self, channel_id: str, outcome: AttemptOutcome, at: dt.datetime, *, cause: str = "", bridged: dt.timedelta = dt.timedelta(0)
    ) -> bool:
        """What came of it; also of one that had become `unknown`. False when that was known before.

        Talked for ten seconds, the ticket stays `talking` until it is resolved. Not reached, it waits for the next try. When only the
        agent's telephone failed, it is `claimed` as before.
        """

    async def statement(self, since: dt.datetime, until: dt.datetime, at: dt.datetime, promised: Mapping[str, str]) -> Statement:
        """Every promise of calls from `since` until before `until`, and how it stands.

        `promised` are sessions in which callers were told that they will be called back, by what is known of them elsewhere; those that
        have no ticket are named as that says.
        """

    async def close_unreachable(self, reference: str, supervisor: str, text_key: str, note: str, at: dt.datetime) -> bool:
        """Nobody could be reached: three attempts in two parts of the day on two days, and that text message sent. Else False."""


@dataclass(frozen=True, slots=True)
class UnheardMessage:
    """A message that is to be transcribed. `attempts` counts the one under way; `language` is the one that the call was held in."""

    key: str
    recording: Path
    seconds: float
    language: str
    attempts: int


class TranscriptStore(Protocol):
    """Transcripts of the messages on tickets, in the tickets' database, which is also the list of what is to be done.

    Messages of open and claimed tickets are transcribed, the ticket that is due next first. Every method is one transaction and raises
    StoreFailed. What is said of an attempt that is not the latest, or of a message that has been heard already, changes nothing.
    """

    async def next_due(self, languages: Collection[str] | None) -> dt.datetime | None:
        """When there is a message in one of these languages (None: in any) to transcribe, which may be past; None when there is none."""

    async def take(self, at: dt.datetime, languages: Collection[str] | None) -> UnheardMessage | None:
        """A message to transcribe now; None when none is due. Its next attempt is due after `transcripts.lease`, unless this one ends."""

    async def keep(self, message: UnheardMessage, transcript: Transcript, at: dt.datetime) -> None:
        """It has been heard."""

    async def again(self, message: UnheardMessage, reason: str, at: dt.datetime, due_at: dt.datetime) -> None:
        """This attempt came to nothing; the next one is due then."""

    async def failed(self, message: UnheardMessage, reason: str, at: dt.datetime) -> None:
        """There will be no transcript."""

    async def transcripts(self, keys: Collection[str]) -> Mapping[str, MessageTranscript]:
        """What there is for the messages of these keys."""


class Transcriber(Protocol):
    """Writes down what is said in a recording, away from the calls: it may take long, hang or die without anybody noticing."""

    @property
    def languages(self) -> Collection[str] | None:
        """The languages it understands; None when it finds out by itself what is spoken."""

    async def wake(self) -> None:
        """Get ready. Raises TranscriberAway when it cannot, whatever the recording."""

    async def hear(self, recording: Path, language: str, patience: float) -> Transcript:
        """What is said in the raw a-law file, probably in `language`, within so many seconds. Raises TranscriberFailed."""

    async def rest(self) -> None:
        """Give back what being ready costs."""


class Spool(Protocol):
    """The folder of intents and recordings: what survives when the database is away."""

    def free_bytes(self) -> int:
        """Free space where recordings go."""

    def write_intent(self, intent: MessageIntent) -> None:
        """Write it durably: temporary file, fsync, link, fsync of the folder. Raises SpoolFailed, MessageKeyTaken."""

    def intents(self) -> tuple[MessageIntent, ...]:
        """All intents not yet done, oldest first; a file that cannot be read is reported and left."""

    def intent_done(self, intent: MessageIntent) -> None:
        """Move it to done/, where it is kept for seven days."""

    def recording_name(self, intent: MessageIntent) -> str:
        """The recording's name for this message key: a token, the same every time."""

    def recording_path(self, intent: MessageIntent) -> Path:
        """Where that recording lies or will lie."""

    def settle(self, recording: Path, samples: int | None) -> MessageFacts:
        """Make a finished recording durable (fsync) and describe it; a missing file has size 0. Raises SpoolFailed."""

    def write_facts(self, intent: MessageIntent, facts: MessageFacts) -> None:
        """Note durably beside the intent that its message is whole and was promised an answer. Raises SpoolFailed."""

    def facts(self, intent: MessageIntent) -> MessageFacts | None:
        """What `write_facts` noted."""

    def recordings(self, known: Collection[str] = ()) -> tuple[FoundRecording, ...]:
        """The recordings there are, oldest first, except those whose file names are `known`."""

    def done_intent(self, recording: Path) -> MessageIntent | None:
        """The intent in done/ to which that recording belongs."""

    def note_call(self, call: UnansweredCall, *, durable: bool) -> None:
        """Note a call, over an earlier note of it; `durable`, so that it survives a power cut. Raises SpoolFailed."""

    def noted_calls(self) -> tuple[UnansweredCall, ...]:
        """The calls that were noted and not done, oldest first; a note that cannot be read is reported and left."""

    def call_done(self, session: str) -> None:
        """The note is needed no more."""

    def forget_caller(self, caller_id: str) -> int:
        """Delete the intents of that caller that are done; how many."""

    def forget_done(self, before: dt.datetime) -> int:
        """Delete the intents that were done before then; how many. Recordings are never deleted here."""


class Journal(Protocol):
    """Where the steps of calls are written down, one JSON object a line; secrets are gone before they get here."""

    def write(self, session: str, entry: Mapping[str, object], sealed: Mapping[str, object] | None = None) -> None:
        """Keep an entry that operators may read, and what is for a replay only (`sealed`: nobody reads it without the data key).

        Never blocks and never raises: a full disk must not end a call.
        """


# --- text messages and remembered callers -----------------------------------------------------------------------


class TextState(StrEnum):
    """The life of a text message: queued -> sending -> sent | failed | unknown; sending -> queued, when it is tried again later."""

    QUEUED = "queued"
    SENDING = "sending"  # handed to the network, which has not answered
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the network may have it or not; never sent again by itself


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A text message for one person. Two of one `key` are the same one: "session/node/count"."""

    key: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    language: str
    session: str
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class QueuedText:
    """A text message as the outbox has it. `attempts` counts the one under way."""

    message: TextMessage
    state: TextState
    attempts: int
    changed_at: dt.datetime
    reason: str = ""  # why the last attempt failed, a short word
    receipt: str = ""  # what the network calls it


class TextOutbox(Protocol):
    """Text messages on their way, in a database. Every method is one transaction and raises OutboxFailed."""

    async def queue(self, message: TextMessage) -> None:
        """Keep it until it is sent; durable when this returns. A second message of the same key changes nothing."""

    async def take(self, at: dt.datetime) -> QueuedText | None:
        """The message that has been due longest, which is now `sending`; None when none is due."""

    async def sent(self, key: str, receipt: str, at: dt.datetime) -> None:
        """The network has taken it."""

    async def again(self, key: str, reason: str, at: dt.datetime, due_at: dt.datetime) -> None:
        """It was refused for now: due again at `due_at`."""

    async def failed(self, key: str, reason: str, at: dt.datetime) -> None:
        """It is not going to be sent."""

    async def unknown(self, key: str, at: dt.datetime) -> None:
        """Nobody knows whether the network has it."""

    async def interrupted(self, at: dt.datetime) -> int:
        """Those still `sending` when nobody is: an engine died, so they are `unknown`. How many."""

    async def next_due(self) -> dt.datetime | None:
        """When the next queued message is due, which may be past; None when nothing is queued."""

    async def texts(self, limit: int) -> tuple[QueuedText, ...]:
        """The latest messages, the newest first."""

    async def forget(self, before: dt.datetime) -> int:
        """Delete the messages that came to their end before then; how many."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The network has taken a message. `receipt`: what it calls it."""

    receipt: str


class TextSender(Protocol):
    """The way to the network that delivers text messages."""

    async def send(self, message: TextMessage) -> Sent:
        """Hand it over, once. Raises SendFailed when the network has not taken it; anything else leaves open whether it has."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a caller has chosen, in this call and in earlier ones: the language ("" for none), and how to be spoken to."""

    language: str = ""
    slower: bool = False
    louder: bool = False


NO_CHOICES = Choices()


class CallerMemory(Protocol):
    """What is remembered of a caller from one call to the next. Every method raises StoreFailed."""

    async def recall(self, caller_id: str) -> Choices:
        """What this caller chose last; NO_CHOICES when nothing is remembered."""

    async def remember(self, caller_id: str, choices: Choices, at: dt.datetime) -> None:
        """The caller had chosen all of that by then. What was chosen later stays."""

    async def forget(self, caller_id: str) -> bool:
        """Nothing of this caller is remembered any more; whether there was anything."""
