"""The ports in memory: small, honest, shipped. The simulator and the tests run on them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ivr.calls.answers import conform, conform_arguments
from ivr.calls.capture import BYTES_PER_SECOND
from ivr.calls.intents import recording_name
from ivr.calls.ports import (
    NO_CHOICES,
    UNANSWERED,
    Choices,
    FoundRecording,
    Message,
    MessageFacts,
    MessageIntent,
    MessageTranscript,
    Outcome,
    Part,
    QueuedText,
    Sent,
    TextMessage,
    TextState,
    Ticket,
    TicketState,
    Transcript,
    TranscriptState,
    UnansweredCall,
    UnheardMessage,
)
from ivr.calls.tickets import (
    HARD_DUE_WITHIN,
    LEASE,
    LEASE_LOST,
    REPEATED,
    UNANSWERED_TOPIC,
    callable_from,
    due_at,
    new_reference,
)
from ivr.calls.transcripts import lease
from ivr.core.values import LookupSignature, Utterance, Value
from ivr.errors import BackOfficeFailed, MessageKeyTaken, UnknownTicket

ACTIVE = (TicketState.CAPTURING, *UNANSWERED)


class FixedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def move(self, by: dt.timedelta) -> None:
        """Forward, or back."""
        self.now += by


class SilentVoice:
    """Says everything as one short file of silence in the folder given."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "silence.alaw"

    async def begin(self, utterance: Utterance) -> Part:
        return Part(await self.file_for(utterance))

    async def file_for(self, utterance: Utterance) -> Path:
        if not self._file.exists():
            self._file.write_bytes(b"\xd5" * 160)
        return self._file


class MemoryJournal:
    """Keeps every entry, in order; what was to be sealed stands apart in `sealed`."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Mapping[str, object]]] = []
        self.sealed: list[tuple[str, Mapping[str, object]]] = []

    def write(self, session: str, entry: Mapping[str, object], sealed: Mapping[str, object] | None = None) -> None:
        self.entries.append((session, dict(entry)))
        if sealed is not None:
            self.sealed.append((session, dict(sealed)))

    def of(self, session: str) -> list[Mapping[str, object]]:
        """The entries of one call."""
        return [entry for owner, entry in self.entries if owner == session]


class MemoryLiveCalls:
    """Says that these calls are live; None stands for an Asterisk that does not answer."""

    def __init__(self, sessions: Collection[str] | None = ()) -> None:
        self.sessions = sessions

    async def live_sessions(self) -> frozenset[str] | None:
        return None if self.sessions is None else frozenset(self.sessions)


class MemoryBackOffice:
    """Answers from a function, held against the signatures like any other answer."""

    def __init__(
        self, signatures: Mapping[str, LookupSignature], answer: Callable[[str, Mapping[str, Value]], object] = lambda name, arguments: None
    ) -> None:
        self.signatures = signatures
        self._answer = answer

    async def look_up(self, name: str, arguments: Mapping[str, Value]) -> Value:
        if name not in self.signatures:
            raise BackOfficeFailed(f"there is no look-up named {name!r}")
        signature = self.signatures[name]
        return conform(signature, self._answer(name, conform_arguments(signature, arguments)))


class MemorySpool:
    """A spool whose recordings are `files`: what a test's line "records" it puts there, under `recording_path(intent)`."""

    def __init__(self, clock: Callable[[], dt.datetime], free: int = 1 << 40) -> None:
        self.free = free
        self.files: dict[Path, bytes] = {}
        self.changed_at: dict[Path, dt.datetime] = {}
        self._clock = clock
        self._intents: dict[str, MessageIntent] = {}
        self._done: dict[str, tuple[MessageIntent, dt.datetime]] = {}
        self._facts: dict[str, MessageFacts] = {}
        self._calls: dict[str, UnansweredCall] = {}

    def free_bytes(self) -> int:
        return self.free

    def write_intent(self, intent: MessageIntent) -> None:
        name = recording_name(intent)
        if name in self._intents or name in self._done or self.recording_path(intent) in self.files:
            raise MessageKeyTaken(f"there is a message {name} already")
        self._intents[name] = intent

    def intents(self) -> tuple[MessageIntent, ...]:
        return tuple(sorted(self._intents.values(), key=lambda intent: intent.begun_at))

    def intent_done(self, intent: MessageIntent) -> None:
        name = recording_name(intent)
        if name in self._intents:
            self._done[name] = (self._intents.pop(name), self._clock())
            self._facts.pop(name, None)

    def recording_name(self, intent: MessageIntent) -> str:
        return recording_name(intent)

    def recording_path(self, intent: MessageIntent) -> Path:
        return Path("/memory", f"{recording_name(intent)}.alaw")

    def settle(self, recording: Path, samples: int | None) -> MessageFacts:
        audio = self.files.get(recording, b"")
        partial = samples is not None and len(audio) < samples
        return MessageFacts(recording, len(audio), samples, hashlib.sha256(audio).hexdigest(), partial)

    def write_facts(self, intent: MessageIntent, facts: MessageFacts) -> None:
        self._facts[recording_name(intent)] = facts

    def facts(self, intent: MessageIntent) -> MessageFacts | None:
        return self._facts.get(recording_name(intent))

    def recordings(self, known: Collection[str] = ()) -> tuple[FoundRecording, ...]:
        asked = [(path, audio) for path, audio in self.files.items() if path.name not in known]
        found = [FoundRecording(path, len(audio), self.changed_at.get(path, self._clock())) for path, audio in asked]
        return tuple(sorted(found, key=lambda recording: recording.changed_at))

    def done_intent(self, recording: Path) -> MessageIntent | None:
        done = self._done.get(recording.stem)
        return done[0] if done else None

    def note_call(self, call: UnansweredCall, *, durable: bool) -> None:
        self._calls[call.session] = call

    def noted_calls(self) -> tuple[UnansweredCall, ...]:
        return tuple(sorted(self._calls.values(), key=lambda call: call.begun_at))

    def call_done(self, session: str) -> None:
        self._calls.pop(session, None)

    def forget_caller(self, caller_id: str) -> int:
        theirs = [name for name, (intent, _) in self._done.items() if intent.caller_id == caller_id]
        for name in theirs:
            del self._done[name]
        return len(theirs)

    def forget_done(self, before: dt.datetime) -> int:
        old = [name for name, (_, done_at) in self._done.items() if done_at < before]
        for name in old:
            del self._done[name]
        return len(old)


@dataclass(slots=True)
class _Kept:
    """A message as the store has it."""

    intent: MessageIntent
    ticket: _Record
    state: TicketState
    recording: str
    message: Message | None = None


@dataclass(slots=True)
class _Record:
    """A ticket as the store has it."""

    ticket: Ticket
    identity: tuple[str, str, int]
    lease_until: dt.datetime | None = None
    heard: int = 0
    kept: list[Message] = field(default_factory=list)

    def change(self, **values: object) -> None:
        self.ticket = replace(self.ticket, **values)  # type: ignore[arg-type]


class MemoryTicketStore:
    """Tickets in a dictionary, by the same rules as in the database."""

    def __init__(self, lease: dt.timedelta = LEASE) -> None:
        self._lease = lease
        self._messages: dict[str, _Kept] = {}
        self._records: dict[str, _Record] = {}

    async def begin(self, intent: MessageIntent) -> None:
        if intent.message_key not in self._messages:
            self._begin(intent, f"{recording_name(intent)}.alaw")

    async def capture(self, intent: MessageIntent, facts: MessageFacts, at: dt.datetime) -> str:
        kept = self._find(intent, facts) or self._begin(intent, facts.path.name)
        if kept.state is TicketState.OPEN:
            return kept.ticket.ticket.reference
        if kept.ticket.ticket.state not in ACTIVE:
            ended = kept.ticket if kept.ticket.ticket.state is TicketState.ABANDONED else None
            kept.ticket = self._active(intent, intent.topic) or ended or self._ticket_for(intent)
        record = kept.ticket
        if record.ticket.state in (TicketState.CAPTURING, TicketState.ABANDONED):
            record.change(state=TicketState.OPEN, **_clocks(intent))
        else:
            self._move_up(record, intent.session, at)
        kept.state, kept.recording = TicketState.OPEN, facts.path.name
        kept.message = Message(kept.intent.message_key, facts.path, facts.size / BYTES_PER_SECOND, facts.partial, at)
        record.kept.append(kept.message)
        record.change(messages=tuple(record.kept))
        return record.ticket.reference

    async def abandon(self, intent: MessageIntent, reason: str, at: dt.datetime, facts: MessageFacts | None = None) -> None:
        recording = facts.path.name if facts else f"{recording_name(intent)}.alaw"
        kept = self._find(intent, facts) or self._begin(intent, recording)
        if kept.state is not TicketState.CAPTURING:
            return
        kept.state = TicketState.ABANDONED
        others = any(other.ticket is kept.ticket and other.state is TicketState.CAPTURING for other in self._messages.values())
        if kept.ticket.ticket.state is TicketState.CAPTURING and not others:
            kept.ticket.change(state=TicketState.ABANDONED)

    async def record_unanswered(self, call: UnansweredCall, at: dt.datetime) -> str | None:
        known = next((record for record in self._records.values() if any(one.session == call.session for one in record.ticket.calls)), None)
        if known:
            return None if known.ticket.state is TicketState.ABANDONED else known.ticket.reference
        if not call.caller_id:
            record = self._new_record(call, call.topic or UNANSWERED_TOPIC)
            record.change(state=TicketState.ABANDONED, calls=(call,))
            return None
        record = self._ticket_of_the_wish(call)
        if record.ticket.state in (TicketState.CAPTURING, TicketState.ABANDONED):
            record.change(state=TicketState.OPEN, **_clocks(call))
        else:
            self._move_up(record, call.session, at)
        record.change(calls=(*record.ticket.calls, call))
        return record.ticket.reference

    def _ticket_of_the_wish(self, call: UnansweredCall) -> _Record:
        """That of a message of the same call, any that the caller waits for already, or one of its own."""
        same_call = [kept.ticket for kept in self._messages.values() if kept.intent.session == call.session and kept.message]
        theirs = [record for record in self._records.values() if record.identity[::2] == _identity(call, "")[::2]]
        waiting = sorted(
            (record for record in theirs if record.ticket.state in UNANSWERED), key=lambda record: record.ticket.created_at, reverse=True
        )
        topic = call.topic or UNANSWERED_TOPIC
        return next(iter((*same_call, *waiting)), None) or self._active(call, topic) or self._new_record(call, topic)

    async def capturing(self) -> tuple[MessageIntent, ...]:
        return tuple(kept.intent for kept in self._messages.values() if kept.state is TicketState.CAPTURING)

    def message(self, key: str) -> Message:
        """The captured message of that key."""
        message = self._messages[key].message
        assert message is not None
        return message

    def language_of(self, key: str) -> str:
        """The language of the call in which that message was left."""
        return self._messages[key].intent.language

    async def accounted(self, names: Collection[str]) -> frozenset[str]:
        return frozenset(names) & {kept.recording for kept in self._messages.values()}

    async def return_expired(self, at: dt.datetime) -> int:
        expired = [record for record in self._records.values() if record.lease_until is not None and record.lease_until <= at]
        for record in expired:
            self._give_back(record, LEASE_LOST)
        return len(expired)

    async def tickets(self, *, include_ended: bool = False) -> tuple[Ticket, ...]:
        found = [record.ticket for record in self._records.values()]
        shown = [ticket for ticket in found if include_ended or ticket.state in UNANSWERED]
        return tuple(sorted(shown, key=lambda ticket: ticket.due_at))

    async def ticket(self, reference: str) -> Ticket | None:
        record = self._records.get(reference)
        return record.ticket if record else None

    async def claim(self, reference: str, agent: str, at: dt.datetime, lease: dt.timedelta | None = None) -> Ticket | None:
        record = self._record(reference)
        renewed = record.ticket.state is TicketState.CLAIMED and record.ticket.assignee == agent
        if not renewed and record.lease_until is not None and record.lease_until <= at:
            self._give_back(record, LEASE_LOST)
        if not renewed and record.ticket.state is not TicketState.OPEN:
            return None
        if not renewed:
            record.change(state=TicketState.CLAIMED, assignee=agent, claim_token=record.ticket.claim_token + 1)
        record.lease_until, record.heard = at + (lease or self._lease), len(record.kept)
        record.change(lease_until=record.lease_until)
        return record.ticket

    async def release(self, reference: str, agent: str, token: int, at: dt.datetime) -> bool:
        record = self._record(reference)
        if not _holds(record.ticket, agent, token):
            return False
        self._give_back(record)
        return True

    async def resolve(
        self, reference: str, agent: str, token: int, note: str, at: dt.datetime, outcome: Outcome = Outcome.ANSWERED
    ) -> bool:
        record = self._record(reference)
        if record.ticket.state is TicketState.RESOLVED:
            return (record.ticket.assignee, record.ticket.claim_token) == (agent, token)
        if not _holds(record.ticket, agent, token) or len(record.kept) > record.heard:
            return False
        record.change(state=TicketState.RESOLVED, note=note, outcome=outcome, resolved_at=at, lease_until=None)
        record.lease_until = None
        return True

    def _find(self, intent: MessageIntent, facts: MessageFacts | None) -> _Kept | None:
        if intent.message_key in self._messages:
            return self._messages[intent.message_key]
        same = [kept for kept in self._messages.values() if facts and kept.recording == facts.path.name]
        return same[0] if same else None

    def _begin(self, intent: MessageIntent, recording: str) -> _Kept:
        record = self._ticket_for(intent)
        kept = _Kept(intent, record, TicketState.CAPTURING, recording)
        self._messages[intent.message_key] = kept
        return kept

    def _ticket_for(self, intent: MessageIntent) -> _Record:
        """The ticket that a message belongs to: that of its own call's unanswered wish, the caller's open one, or a new one."""
        waiting = [record for record in self._records.values() if record.ticket.state in UNANSWERED]
        wished = [record for record in waiting if any(call.session == intent.session for call in record.ticket.calls)]
        return next(iter(wished), None) or self._active(intent, intent.topic) or self._new_record(intent, intent.topic)

    def _move_up(self, record: _Record, session: str, at: dt.datetime) -> None:
        """The caller has called again about it."""
        messages = {kept.intent.session for kept in self._messages.values() if kept.ticket is record and kept.message}
        calls = messages | {call.session for call in record.ticket.calls}
        if calls and session not in calls:
            assert record.ticket.not_before is not None
            sooner = min(record.ticket.not_before, callable_from(at))
            record.change(priority=max(record.ticket.priority + REPEATED, 0), not_before=sooner)

    def _active(self, call: MessageIntent | UnansweredCall, topic: str) -> _Record | None:
        same = [record for record in self._records.values() if record.identity == _identity(call, topic)]
        return next((record for record in same if record.ticket.state in ACTIVE), None)

    def _new_record(self, intent: MessageIntent | UnansweredCall, topic: str) -> _Record:
        tries = 0
        while (reference := new_reference(tries)) in self._records:
            tries += 1
        ticket = Ticket(
            reference=reference,
            state=TicketState.CAPTURING,
            topic=topic,
            language=intent.language,
            caller_id=intent.caller_id,
            dialled=intent.dialled,
            assignee=None,
            claim_token=0,
            messages=(),
            note=None,
            resolved_at=None,
            trust=intent.trust,
            **_clocks(intent),
        )
        self._records[reference] = _Record(ticket, _identity(intent, topic))
        return self._records[reference]

    def _record(self, reference: str) -> _Record:
        if reference not in self._records:
            raise UnknownTicket(f"there is no ticket {reference!r}")
        return self._records[reference]

    def _give_back(self, record: _Record, up: int = 0) -> None:
        record.change(state=TicketState.OPEN, assignee=None, lease_until=None, priority=max(record.ticket.priority + up, 0))
        record.lease_until = None


class MemoryTranscriptStore:
    """Transcripts of the messages of a ticket store in memory, by the same rules as in the database."""

    def __init__(self, tickets: MemoryTicketStore) -> None:
        self._tickets = tickets
        self._kept: dict[str, MessageTranscript] = {}
        self._due: dict[str, dt.datetime] = {}

    async def next_due(self, languages: Collection[str] | None) -> dt.datetime | None:
        return min((due for due, *_ in await self._unheard(languages)), default=None)

    async def take(self, at: dt.datetime, languages: Collection[str] | None) -> UnheardMessage | None:
        ready = [(ticket.due_at, message.recorded_at, message.key) for due, ticket, message in await self._unheard(languages) if due <= at]
        if not ready:
            return None
        message = self._tickets.message(min(ready)[-1])
        known = self._kept.get(message.key)
        attempts = 1 + (known.attempts if known else 0)
        self._kept[message.key] = MessageTranscript(TranscriptState.WAITING, attempts, at, reason=known.reason if known else "")
        self._due[message.key] = at + lease(message.seconds)
        return UnheardMessage(message.key, message.path, message.seconds, self._tickets.language_of(message.key), attempts)

    async def keep(self, message: UnheardMessage, transcript: Transcript, at: dt.datetime) -> None:
        self._change(message, at, TranscriptState.HEARD, heard=transcript)

    async def again(self, message: UnheardMessage, reason: str, at: dt.datetime, due_at: dt.datetime) -> None:
        if self._change(message, at, TranscriptState.WAITING, reason=reason):
            self._due[message.key] = due_at

    async def failed(self, message: UnheardMessage, reason: str, at: dt.datetime) -> None:
        self._change(message, at, TranscriptState.FAILED, reason=reason)

    async def transcripts(self, keys: Collection[str]) -> Mapping[str, MessageTranscript]:
        return {key: self._kept[key] for key in keys if key in self._kept}

    async def _unheard(self, languages: Collection[str] | None) -> list[tuple[dt.datetime, Ticket, Message]]:
        return [
            (self._due.get(message.key, message.recorded_at), ticket, message)
            for ticket in await self._tickets.tickets()
            for message in ticket.messages
            if message.key not in self._kept or self._kept[message.key].state is TranscriptState.WAITING
            if languages is None or self._tickets.language_of(message.key) in languages
        ]

    def _change(
        self, message: UnheardMessage, at: dt.datetime, state: TranscriptState, *, heard: Transcript | None = None, reason: str = ""
    ) -> bool:
        known = self._kept.get(message.key)
        if known is None or (known.state, known.attempts) != (TranscriptState.WAITING, message.attempts):
            return False
        self._kept[message.key] = MessageTranscript(state, known.attempts, at, heard, reason)
        return True


class MemoryTranscriber:
    """Hears what it is told to: `answers` are returned or raised, one after the other, then the last one for ever."""

    def __init__(self, *answers: Transcript | Exception, languages: Collection[str] | None = None) -> None:
        self.languages = languages
        self.awake = False
        self.asked: list[tuple[Path, str, float]] = []
        self._answers = list(answers)

    async def wake(self) -> None:
        self.awake = True

    async def hear(self, recording: Path, language: str, patience: float) -> Transcript:
        self.asked.append((recording, language, patience))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def rest(self) -> None:
        self.awake = False


class MemoryTextOutbox:
    """Text messages in a dictionary, by the same rules as in the database."""

    def __init__(self) -> None:
        self._texts: dict[str, QueuedText] = {}
        self._due: dict[str, dt.datetime] = {}

    async def queue(self, message: TextMessage) -> None:
        if message.key not in self._texts:
            self._texts[message.key] = QueuedText(message, TextState.QUEUED, 0, message.created_at)
            self._due[message.key] = message.created_at

    async def take(self, at: dt.datetime) -> QueuedText | None:
        due = sorted((due_at, key) for key, due_at in self._due.items() if due_at <= at)
        if not due:
            return None
        _, key = due[0]
        del self._due[key]
        text = self._texts[key]
        self._texts[key] = replace(text, state=TextState.SENDING, attempts=text.attempts + 1, changed_at=at, reason="")
        return self._texts[key]

    async def sent(self, key: str, receipt: str, at: dt.datetime) -> None:
        self._change(key, TextState.SENT, at, receipt=receipt)

    async def again(self, key: str, reason: str, at: dt.datetime, due_at: dt.datetime) -> None:
        if self._change(key, TextState.QUEUED, at, reason=reason):
            self._due[key] = due_at

    async def failed(self, key: str, reason: str, at: dt.datetime) -> None:
        self._change(key, TextState.FAILED, at, reason=reason)

    async def unknown(self, key: str, at: dt.datetime) -> None:
        self._change(key, TextState.UNKNOWN, at)

    async def interrupted(self, at: dt.datetime) -> int:
        return sum([self._change(key, TextState.UNKNOWN, at) for key in tuple(self._texts)])

    async def next_due(self) -> dt.datetime | None:
        return min(self._due.values(), default=None)

    async def texts(self, limit: int) -> tuple[QueuedText, ...]:
        latest = sorted(self._texts.values(), key=lambda text: (text.message.created_at, text.message.key), reverse=True)
        return tuple(latest[:limit])

    async def forget(self, before: dt.datetime) -> int:
        ended = (TextState.SENT, TextState.FAILED, TextState.UNKNOWN)
        old = [key for key, text in self._texts.items() if text.state in ended and text.changed_at < before]
        for key in old:
            del self._texts[key]
        return len(old)

    def _change(self, key: str, state: TextState, at: dt.datetime, *, reason: str = "", receipt: str = "") -> bool:
        text = self._texts.get(key)
        if text is None or text.state is not TextState.SENDING:
            return False
        self._texts[key] = replace(text, state=state, changed_at=at, reason=reason or text.reason, receipt=receipt)
        return True


class MemoryTextSender:
    """Keeps what it is given to send. `answers` are raised or returned first, one after the other."""

    def __init__(self, *answers: Sent | Exception) -> None:
        self.delivered: list[TextMessage] = []
        self._answers = list(answers)

    async def send(self, message: TextMessage) -> Sent:
        answer = self._answers.pop(0) if self._answers else Sent(f"memory-{len(self.delivered) + 1}")
        if isinstance(answer, Exception):
            raise answer
        self.delivered.append(message)
        return answer


class MemoryCallers:
    """What is remembered of callers, in a dictionary."""

    def __init__(self) -> None:
        self._chosen: dict[str, tuple[dt.datetime, Choices]] = {}

    async def recall(self, caller_id: str) -> Choices:
        return self._chosen[caller_id][1] if caller_id in self._chosen else NO_CHOICES

    async def remember(self, caller_id: str, choices: Choices, at: dt.datetime) -> None:
        if caller_id not in self._chosen or self._chosen[caller_id][0] <= at:
            self._chosen[caller_id] = (at, choices)

    async def forget(self, caller_id: str) -> bool:
        return self._chosen.pop(caller_id, None) is not None


def _identity(call: MessageIntent | UnansweredCall, topic: str) -> tuple[str, str, int]:
    """Who is promised a call, on what. A caller who withholds the number is nobody else."""
    nobody = call.message_key if isinstance(call, MessageIntent) else call.session
    return call.caller_id or f"unknown {nobody}", topic, call.trust


def _clocks(call: MessageIntent | UnansweredCall) -> dict[str, Any]:
    return {
        "created_at": call.begun_at,
        "not_before": callable_from(call.begun_at),
        "due_at": due_at(call.begun_at),
        "hard_due_at": call.begun_at + HARD_DUE_WITHIN,
    }


def _holds(ticket: Ticket, agent: str, token: int) -> bool:
    return ticket.state is TicketState.CLAIMED and ticket.assignee == agent and ticket.claim_token == token
