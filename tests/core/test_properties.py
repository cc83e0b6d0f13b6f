"""What holds for every text and every call: an expression or a sentence, a step or UnexpectedEvent, and never a secret in print."""

from __future__ import annotations

import datetime as dt
import random
import re
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.commands import AskDigits, Lookup, Play, SendText, TakeMessage, Transfer
from ivr.core.evaluation import EvaluationFailed, evaluate
from ivr.core.events import (
    BUSY,
    CALLBACK,
    NOBODY,
    CallerHungUp,
    CallStarted,
    CommandFailed,
    DigitsEntered,
    Event,
    Hypothesis,
    LookupAnswered,
    MessageKept,
    MessageNotKept,
    NothingHeard,
    PromptPlayed,
    Released,
    SpeechHeard,
    SpeechUnavailable,
    TextQueued,
    TransferEnded,
)
from ivr.core.expression_types import BOOLEAN, type_of
from ivr.core.expressions import Expression, ExpressionError, parse
from ivr.core.flow import Flow
from ivr.core.interpreter import Step, advance
from ivr.core.state import CallState, Phase
from ivr.core.turn import MAX_KEYS
from ivr.core.values import Kind, ListOf, Record, Scalar, Type, Value
from ivr.errors import UnexpectedEvent
from tests.core.generated import flows
from tests.core.phone import NOON, compiled
from tests.core.test_expressions import TYPES, VALUES

# --- expressions ---

SIGNS = """( ) [ ] , ? : ! - . + * / % == != < <= > >= && || = & ' \\ 1 0.5 "a" null true size( plan.startsWith( account.balance"""
WORDS = st.sampled_from([*TYPES, *SIGNS.split(), " in ", "\n", " "])


@given(st.one_of(st.text(max_size=600), st.lists(WORDS, max_size=60).map("".join), st.lists(WORDS, max_size=60).map(" ".join)))
@settings(max_examples=600, deadline=dt.timedelta(milliseconds=500))
def test_any_text_is_an_expression_or_a_sentence(text: str):
    expression = _read(text)

    if isinstance(expression, ExpressionError):
        assert str(expression)
        assert 0 <= expression.offset <= len(text)
    else:
        _is_worth_something(expression)


def _read(text: str) -> Expression | ExpressionError:
    try:
        expression = parse(text)
        type_of(expression, TYPES)
    except ExpressionError as error:
        return error
    return expression


GRAMMAR = {
    "bool": [
        "true", "senior", "maybe_true", "(maybe == null)", "account.in", "({bool} && {bool})", "({bool} || {bool})", "!{bool}",
        "({number} < {number})", "({text} == {text})", "({number} in [{number}, {number}])", "{text}.contains({text})",
    ],
    "number": [
        "0", "1", "2.5", "999999999999999999", "count", "({number} + {number})", "({number} * {number})", "({number} / {number})",
        "({number} % {number})", "-{number}", "size({text})", "({bool} ? {number} : {number})",
    ],
    "text": ['"a"', "''", "plan", "number", "maybe_text", "({text} + {text})", "({bool} ? {text} : {text})"],
}  # fmt: skip


def _written(kind: str, chance: random.Random, depth: int = 5) -> str:
    pattern = chance.choice(GRAMMAR[kind] if depth else [simple for simple in GRAMMAR[kind] if "{" not in simple])
    return re.sub(r"\{(\w+)\}", lambda inner: _written(inner[1], chance, depth - 1), pattern)


@given(st.sampled_from(sorted(GRAMMAR)), st.integers(0, 2**32))
@settings(max_examples=600, deadline=dt.timedelta(milliseconds=500))
def test_a_well_typed_expression_has_a_value_of_its_type_or_fails_to_evaluate(kind: str, seed: int):
    text = _written(kind, random.Random(seed))

    expression = _read(text)

    if isinstance(expression, ExpressionError):
        assert "nested" in str(expression) or "characters" in str(expression)
    else:
        _is_worth_something(expression)


def _is_worth_something(expression: Expression) -> None:
    type_ = type_of(expression, TYPES)
    try:
        value = evaluate(expression, VALUES)
    except EvaluationFailed:
        return
    assert _is_of(value, type_)


def _is_of(value: Value, type_: Type | None) -> bool:
    match type_:
        case None:
            return value is None
        case ListOf():
            return isinstance(value, tuple)
        case Record():
            return value is None or isinstance(value, dict)
        case Scalar(kind=Kind.BOOL) if type_ == BOOLEAN:
            return isinstance(value, bool)
        case Scalar(kind=Kind.NUMBER | Kind.MONEY | Kind.VOLUME):
            return value is None or (isinstance(value, int | Decimal) and not isinstance(value, bool) and Decimal(value).is_finite())
        case _:
            return True


# --- calls ---

PIN = "73519468"  # digits that stand nowhere else
CALLER = "13900007777"
SECRETIVE = compiled(
    """
  hello: {collect: <<Your password?>>, as: pin, min: 4, max: 8, secret: true, then: check, exhausted: person}
  check: {lookup: account, with: {number: pin}, not_found: hello2, failed: main, then: main}
  hello2: {collect: <<Once more?>>, as: pin, min: 4, max: 8, secret: true, then: check2, exhausted: person}
  check2: {lookup: account, with: {number: pin}, not_found: bye, failed: main, then: main}
  main: {menu: <<Main.>>, choices: {1: inner, 2: leave, "3": hello, 44: person}, nomatch: <<What?>>, exhausted: bye}
  inner: {call: sub, then: main}
  person:
    transfer: agents
    announce: <<Wait.>>
    wait: 5min
    callback: main
    kept: <<Number {{ ticket.reference | digits }}.>>
    saved: <<Saved.>>
    busy: leave
    then: bye
    unanswered: leave
  leave:
    message: <<Speak.>>
    topic: t
    kept: <<{{ ticket.reference | digits }}>>
    saved: <<B.>>
    too_short: <<C.>>
    not_kept: <<D.>>
    then: main
  gone: {lookup: bundles, with: {number: call.caller_id}, then: end}
  end: {hangup: }
""",
    'start: hello\non_hangup: gone\nuniversals: {"*": back, "9": repeat, "0": person}',
    "subflows:\n  sub:\n    start: a\n    nodes:\n      a: {menu: <<Sub.>>, choices: {1: e, 2: e}, exhausted: e}\n      e: {return: }\n",
)

KEYS = st.text("0123456789*#", max_size=6)
SHARE = st.integers(0, 100).map(lambda share: share / 100)  # no row of digits that could be a PIN by chance
SCALARS: dict[Kind, st.SearchStrategy[Value]] = {
    Kind.TEXT: st.sampled_from(["", "zh-CN", "en-US", "fr"]),
    Kind.DIGITS: st.sampled_from(["", "10086"]),
    Kind.BOOL: st.booleans(),
    Kind.MONEY: st.decimals(-(10**8), 10**8, places=2),
    Kind.NUMBER: st.integers(-5, 10**12),
    Kind.VOLUME: st.integers(0, 10**15),
    Kind.DURATION: st.timedeltas(dt.timedelta(0), dt.timedelta(days=30)),
    Kind.DATE: st.dates(dt.date(1990, 1, 1), dt.date(2199, 1, 1)),
    Kind.MONTH: st.just(dt.date(2026, 2, 1)),
    Kind.TIME: st.times(),
}


def _answers(type_: Type) -> st.SearchStrategy[Value]:
    match type_:
        case Scalar(kind=kind):
            return SCALARS[kind]
        case ListOf(item=item):
            return st.lists(_answers(item), max_size=2).map(tuple)
        case Record(fields=fields):
            return st.fixed_dictionaries({name: _answers(field) for name, field in fields.items()})


ANSWERS = {name: _answers(signature.answer) for name, signature in SIGNATURES.items()}


def spoken(command: AskDigits, draw: st.DrawFn) -> tuple[Event, ...]:
    """What may come of listening, where the line does."""
    grammar = command.grammar
    if grammar is None:
        return ()
    texts = [*grammar.phrases, *("5" * length for length in range(1, grammar.digits + 1))]
    heard = st.builds(Hypothesis, st.sampled_from(texts), SHARE)
    said = SpeechHeard(NOON, tuple(draw(st.lists(heard, max_size=3))))
    return said, said, said, SpeechUnavailable(NOON, "full", draw(KEYS))


def _fitting(step: Step, draw: st.DrawFn) -> Event:
    """Something the channel could answer."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.sampled_from([CallerHungUp(NOON), CommandFailed(NOON, "audio")]))
    match step.command:
        case Play(barge_in=barge_in):
            return PromptPlayed(NOON, draw(KEYS) if barge_in else "")
        case AskDigits(max_digits=longest, secret=secret):
            digits = (
                PIN[:longest] if secret else draw(st.text("0123456789*#" if longest == 1 else "0123456789*", min_size=1, max_size=longest))
            )
            said = spoken(step.command, draw)
            return draw(st.sampled_from([DigitsEntered(NOON, digits), DigitsEntered(NOON, digits, True), NothingHeard(NOON), *said]))
        case Lookup(name=name):
            answer = draw(st.one_of(st.none(), ANSWERS[name], st.just({})))
            return draw(st.sampled_from([LookupAnswered(NOON, answer, draw(KEYS)), CommandFailed(NOON, "deadline", draw(KEYS))]))
        case TakeMessage():
            hung_up = draw(st.booleans())
            return draw(
                st.sampled_from([MessageKept(NOON, "481625", hung_up), MessageKept(NOON, None), MessageNotKept(NOON, "too_short", hung_up)])
            )
        case SendText():
            return draw(st.sampled_from([TextQueued(NOON, "12"), CommandFailed(NOON, "outbox")]))
        case Transfer():
            ended = [TransferEnded(NOON, True), *(TransferEnded(NOON, False, reason) for reason in ("", BUSY, NOBODY))]
            asked = [TransferEnded(NOON, False, CALLBACK, reference) for reference in ("481625", None)]
            return draw(st.sampled_from([*ended, *(asked if step.command.wait is not None else [])]))
        case _:
            return Released(NOON)


ANY_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(PromptPlayed, st.just(NOON), KEYS),
    st.builds(DigitsEntered, st.just(NOON), KEYS, st.booleans()),
    st.just(NothingHeard(NOON)),
    st.builds(
        SpeechHeard,
        st.just(NOON),
        st.lists(
            st.builds(
                Hypothesis, st.sampled_from(["apple", "again", "yes", "no", "1234"]), st.integers(0, 100).map(lambda share: share / 100)
            ),
            max_size=3,
        ).map(tuple),
    ),
    st.builds(SpeechUnavailable, st.just(NOON), st.just("full"), KEYS),
    st.builds(LookupAnswered, st.just(NOON), st.one_of(st.none(), *ANSWERS.values()), KEYS),
    st.builds(CommandFailed, st.just(NOON), st.just("audio"), KEYS),
    st.builds(MessageKept, st.just(NOON), st.sampled_from(["481625", None]), st.booleans()),
    st.builds(MessageNotKept, st.just(NOON), st.just("storage"), st.booleans()),
    st.builds(
        TransferEnded, st.just(NOON), st.booleans(), st.sampled_from(["", BUSY, NOBODY, CALLBACK]), st.sampled_from([None, "481625"])
    ),
    st.builds(TextQueued, st.just(NOON), KEYS),
    st.sampled_from([CallerHungUp(NOON), Released(NOON), CallStarted(NOON, "again", CALLER, "1")]),
)


def _printable(step: Step, event: Event) -> None:
    printed = f"{step!r} {step.state!r} {step.command!r} {step.notes!r} {event!r}"
    assert PIN[:4] not in printed
    assert CALLER not in printed


def _sound(flow: Flow, step: Step) -> None:
    state = step.state
    assert (step.command is None) == state.over
    assert state.over or state.node in flow.nodes
    assert len(state.keys) <= MAX_KEYS
    assert ("/" in state.node) == bool(state.returns) or state.over or state.hung_up
    assert len(state.returns) <= 2
    assert len(state.history) <= 2 * len(flow.nodes)
    assert state.limited <= (flow.limits.exceeded is not None)
    if state.hung_up:
        assert step.command is None or isinstance(step.command, Lookup | SendText)
    if isinstance(step.command, AskDigits):
        assert state.phase is Phase.ASKING
        assert step.command.max_digits > 0


STARTS = st.builds(
    CallStarted,
    st.just(NOON),
    st.just("s"),
    st.sampled_from([CALLER, ""]),
    st.just("1008611"),
    st.sampled_from(["", "en-US", "zh-CN", "fr"]),
    st.booleans(),
)


def _some_flow(quick_line: Flow) -> st.SearchStrategy[Flow]:
    return st.one_of(st.sampled_from([quick_line, SECRETIVE]), flows(), flows())


@given(st.data(), STARTS)
@settings(max_examples=200, deadline=None)
def test_a_call_goes_on_soundly_whatever_the_caller_does(quick_line: Flow, data: st.DataObject, started: CallStarted):
    flow = data.draw(_some_flow(quick_line))
    event: Event = started
    step = advance(flow, CallState(), event)
    for _ in range(data.draw(st.integers(1, 40))):
        _sound(flow, step)
        _printable(step, event)
        if step.command is None:
            break
        later = dt.timedelta(minutes=data.draw(st.sampled_from([0, 0, 0, 3, 60])))
        fitting = _fitting(step, data.draw)
        event = replace(fitting, at=event.at + later)
        step = advance(flow, step.state, event)
    _sound(flow, step)
    _printable(step, event)


@given(st.data(), STARTS, st.lists(ANY_EVENT, max_size=12))
@settings(max_examples=200, deadline=None)
def test_any_event_at_any_time_gives_a_step_or_is_refused(quick_line: Flow, data: st.DataObject, started: CallStarted, events: list[Event]):
    flow = data.draw(_some_flow(quick_line))
    step = advance(flow, CallState(), started)

    for event in events:
        with suppress(UnexpectedEvent):
            step = advance(flow, step.state, event)
        _sound(flow, step)


@given(ANY_EVENT)
@settings(max_examples=50)
def test_before_the_start_and_after_the_end_nothing_can_happen(event: Event):
    states = [CallState(phase=Phase.OVER)] + ([] if isinstance(event, CallStarted) else [CallState()])

    for state in states:
        with pytest.raises(UnexpectedEvent, match=f"{type(event).__name__} in a call that is {state.phase}"):
            advance(SECRETIVE, state, event)
