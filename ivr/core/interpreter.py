"""The interpreter: given where a call is and what just happened, what should we do next?

Everything that decides a call's course lives here and in `asking`. Nothing here touches a line, a file or a clock.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from ivr.core import asking
from ivr.core import notes as facts
from ivr.core.commands import Lookup, Play, Release, SendText, TakeMessage, Transfer
from ivr.core.evaluation import EvaluationFailed, holds
from ivr.core.events import (
    BUSY,
    CALLBACK,
    NOBODY,
    CallerHungUp,
    CallStarted,
    CommandFailed,
    DigitsEntered,
    Event,
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
from ivr.core.flow import (
    LOUDER,
    SLOWER,
    Asks,
    Branch,
    Call,
    ChecksHours,
    Flow,
    Goto,
    HangsUp,
    LookUp,
    Prompts,
    Queueing,
    Return,
    Say,
    SendsText,
    Set,
    TakesMessage,
    Target,
    TransfersCall,
)
from ivr.core.schedule import holiday_at, is_open, opens_next
from ivr.core.state import CallState, Phase
from ivr.core.turn import Step as Step
from ivr.core.turn import Turn
from ivr.core.values import Manner, Utterance, Value
from ivr.errors import UnexpectedEvent

MAX_SILENT_STEPS = 500  # nodes entered between two events; the checks refuse flows that could loop in silence
SUBFLOW = "/"  # what a node's name has in it when the node belongs to a sub-flow


def advance(flow: Flow, state: CallState, event: Event) -> Step:
    """One step of a call. Raises UnexpectedEvent for an event that the call cannot have caused."""
    turn = Turn(flow, state, event.at)
    try:
        _happened(turn, event)
    except EvaluationFailed:
        turn.fail("expression")
    for _ in range(MAX_SILENT_STEPS):
        if turn.next is None:
            return turn.step()
        target, turn.next = turn.next, None
        try:
            _enter(turn, target)
        except EvaluationFailed:
            turn.fail("expression")
    turn.give_up()
    return turn.step()


# --- what happened ---


def _happened(turn: Turn, event: Event) -> None:
    match turn.state.phase, event:
        case Phase.NEW, CallStarted():
            _begin(turn, event)
        case ((Phase.NEW | Phase.OVER), _):
            raise UnexpectedEvent(f"{type(event).__name__} in a call that is {turn.state.phase}")
        case _, CallerHungUp():
            _hang_up(turn)
        case _, CommandFailed():
            _command_failed(turn, event)
        case Phase.SPEAKING, PromptPlayed(keys=keys):
            _went_well(turn, keys)
            _work(turn)
        case Phase.ASKING, DigitsEntered(digits=digits):
            _went_well(turn)
            asking.answered(turn, digits)
        case Phase.ASKING, NothingHeard():
            _went_well(turn)
            asking.unanswered(turn)
        case Phase.ASKING, SpeechHeard(hypotheses=hypotheses) if asking.listens(turn):
            _went_well(turn)
            asking.heard(turn, hypotheses)
        case Phase.ASKING, SpeechUnavailable(reason=reason, keys=keys) if asking.listens(turn):
            _went_well(turn, keys)
            asking.nobody_listens(turn, reason)
        case Phase.LOOKING_UP, LookupAnswered():
            turn.keep(event.keys)
            _looked_up(turn, event.answer)
        case Phase.RECORDING, (MessageKept() | MessageNotKept()):
            _went_well(turn)
            _message_ended(turn, event)
        case Phase.TEXTING, TextQueued(keys=keys):
            _went_well(turn, keys)
            node = turn.node
            assert isinstance(node, SendsText)
            turn.go(node.then)
        case Phase.TRANSFERRING, TransferEnded() if event.reason != CALLBACK or _queues(turn):
            _went_well(turn)
            _transferred(turn, event)
        case Phase.RELEASING, Released():
            turn.end()
        case _:
            raise UnexpectedEvent(f"{type(event).__name__} at '{turn.state.node}', which is {turn.state.phase}")


def _begin(turn: Turn, event: CallStarted) -> None:
    flow = turn.flow
    remembered = flow.remembers_language and event.language in flow.languages
    call: Value = {"caller_id": event.caller_id, "dialled": event.dialled, "remembered": remembered}
    turn.assign("call", call)
    offers = flow.universals.values()
    manner = Manner(event.slower and SLOWER in offers, event.louder and LOUDER in offers)  # who cannot undo it is not spoken to so
    turn.set(started_at=event.at, manner=manner)
    turn.speak(event.language if remembered else flow.languages[0])
    if event.crowded and flow.limits.crowded is not None:
        turn.note(facts.LimitExceeded("", "calls", flow.limits.crowded))
        turn.go(flow.limits.crowded)
    else:
        turn.go(flow.start)


def _went_well(turn: Turn, keys: str = "") -> None:
    """The line did what it was told, for which an answer of the back office is no proof."""
    turn.keep(keys)
    turn.set(trouble=0)


def _hang_up(turn: Turn) -> None:
    first = not turn.state.hung_up
    turn.set(hung_up=True, pending=(), keys="", partial="")
    if first and turn.flow.on_hangup is not None:
        turn.go(turn.flow.on_hangup)
    else:
        turn.end()


def _command_failed(turn: Turn, event: CommandFailed) -> None:
    phase = turn.state.phase
    if phase is Phase.RELEASING:
        turn.give_up()  # it was to be over anyway, and the dialplan sees to that
        return
    turn.keep(event.keys)
    match phase, turn.node:
        case (Phase.LOOKING_UP, LookUp(failed=target)) | (Phase.TEXTING, SendsText(failed=target)):
            turn.fail(event.reason, target)
        case _:
            turn.fail(event.reason)


def _looked_up(turn: Turn, answer: Value) -> None:
    node = turn.node
    assert isinstance(node, LookUp)
    if answer is None and node.not_found is not None:
        turn.go(node.not_found)
    elif answer is None:
        turn.fail("not_found", node.failed)
    else:
        turn.assign(node.variable, answer)
        turn.go(node.then)


def _message_ended(turn: Turn, event: MessageKept | MessageNotKept) -> None:
    node = turn.node
    assert isinstance(node, TakesMessage)
    if isinstance(event, MessageKept):
        promise = _promised(turn, event.reference, node)
    else:
        turn.note(facts.StepFailed(node.name, event.reason, node.then))
        promise = node.too_short if event.reason == "too_short" else node.not_kept
    if event.hung_up:
        _hang_up(turn)
    else:
        turn.say(promise)
        turn.go(node.then)


def _promised(turn: Turn, reference: str | None, node: TakesMessage | Queueing) -> Prompts:
    """A call back is safe, and may be promised: with these words."""
    turn.note(facts.TicketPromised(turn.state.node, reference))
    turn.set(references=(*turn.state.references, reference))
    if reference is None:
        return node.saved
    turn.assign("ticket", {"reference": reference})
    return node.kept


def _queues(turn: Turn) -> bool:
    node = turn.node
    return isinstance(node, TransfersCall) and node.queueing is not None


def _transferred(turn: Turn, event: TransferEnded) -> None:
    node = turn.node
    assert isinstance(node, TransfersCall)
    if event.answered:
        turn.set(transferred=True, awaits_person=False)
        turn.go(node.then)
    elif event.reason == CALLBACK and node.queueing is not None:
        turn.say(_promised(turn, event.reference, node.queueing))
        turn.go(node.queueing.callback)
    else:
        turn.go({BUSY: node.busy, NOBODY: node.nobody}.get(event.reason) or node.unanswered)


# --- entering a node ---


def _enter(turn: Turn, target: Target) -> None:
    node = turn.flow.nodes[target]
    turn.note(facts.NodeEntered(node.name, node.mark))
    turn.set(node=target)
    if SUBFLOW not in target:
        turn.set(returns=())  # a sub-flow may be left by going to a node of the line itself
    _count(turn, target)
    if isinstance(node, Asks):
        if not turn.exceeds_a_limit():
            asking.enter(turn, node)
        return
    match node:
        case Say(barge_in=True):
            turn.say(node.prompts)
            turn.go(node.then)
        case Say():
            turn.say(node.prompts)
            _speak_then_work(turn, barge_in=False)
        case LookUp():
            _speak_then_work(turn)
        case TransfersCall():
            turn.set(awaits_person=True)
            turn.say(node.prompts)
            _speak_then_work(turn)
        case TakesMessage():
            turn.say(node.prompts)
            _speak_then_work(turn)
        case HangsUp():
            turn.say(node.prompts)
            _speak_then_work(turn, barge_in=False)
        case Branch():
            _branch(turn, node)
        case ChecksHours():
            _check_hours(turn, node)
        case SendsText():
            _send_text(turn, node)
        case Set(language=language) if language not in (None, turn.state.language):
            _speak_then_work(turn)  # what is pending is in the language that ends here
        case Set():
            _set_values(turn, node)
        case Goto():
            turn.go(node.then)
        case Call():
            arguments = turn.values(node.arguments)
            turn.set(returns=(*turn.state.returns, node.name), variables={**turn.state.variables, **arguments})
            turn.go(node.start)
        case Return():
            _come_back(turn, node)
        case _:
            assert_never(node)


def _count(turn: Turn, target: Target) -> None:
    """What the flow's owner counts."""
    if milestone := turn.flow.milestones.get(target):
        turn.note(facts.MilestoneReached(target, milestone))
    if outcome := turn.flow.outcomes.get(target):
        turn.note(facts.OutcomeReached(target, outcome))
        turn.set(outcome=outcome)


def _branch(turn: Turn, node: Branch) -> None:
    for condition, target in node.arms:
        if holds(condition, turn.state.variables):
            turn.note(facts.ConditionHeld(node.name, condition.text, target))
            turn.go(target)
            return
    turn.note(facts.ConditionHeld(node.name, None, node.otherwise))
    turn.go(node.otherwise)


def _check_hours(turn: Turn, node: ChecksHours) -> None:
    if is_open(node.schedule, turn.at):
        state, target = "open", node.open
    else:
        opens = opens_next(node.schedule, turn.at)
        if opens is None:
            raise EvaluationFailed(f"{node.hours} never opens")
        turn.assign(node.variable, {"opens_on": opens.date(), "opens_at": opens.time()})
        state = "closed" if holiday_at(node.schedule, turn.at) is None else "holiday"
        target = node.closed if state == "closed" else node.holiday
        if target != node.open and isinstance(turn.flow.nodes[node.open], TransfersCall):
            turn.set(awaits_person=True)
    turn.note(facts.HoursChecked(node.name, node.hours, state, target))
    turn.go(target)


def _come_back(turn: Turn, node: Return) -> None:
    *outer, name = turn.state.returns
    call = turn.flow.nodes[name]
    assert isinstance(call, Call)
    if call.variable is not None:
        turn.assign(call.variable, turn.values(node.results))
    turn.set(returns=tuple(outer))
    turn.go(call.then)


# --- what a node is for, once its prompts have been heard ---


def _speak_then_work(turn: Turn, *, barge_in: bool = True) -> None:
    parts = turn.state.pending
    turn.set(pending=(), heard=turn.state.heard + parts)
    if not parts or (turn.state.keys and barge_in):
        _work(turn)
    else:
        turn.wait(Phase.SPEAKING, Play(turn.utterance(parts), barge_in))


def _work(turn: Turn) -> None:
    node = turn.node
    match node:
        case Say():
            turn.go(node.then)
        case Set():
            _set_values(turn, node)
        case LookUp():
            _look_up(turn, node)
        case TakesMessage():
            _take_message(turn, node)
        case TransfersCall():
            transfer = Transfer(node.destination, node.ring_time)
            if node.queueing is not None:
                transfer = replace(transfer, wait=node.queueing.wait, language=turn.state.language)
            turn.wait(Phase.TRANSFERRING, transfer)
        case _:
            assert isinstance(node, HangsUp)
            turn.wait(Phase.RELEASING, Release())


def _look_up(turn: Turn, node: LookUp) -> None:
    arguments, comfort = turn.values(node.arguments), turn.render(node.comfort)
    spoken = Utterance(turn.state.language, comfort, turn.state.manner) if comfort and not turn.state.hung_up else None
    turn.wait(Phase.LOOKING_UP, Lookup(node.lookup, arguments, node.deadline, spoken, retries=node.retries, backoff=node.backoff))


def _send_text(turn: Turn, node: SendsText) -> None:
    count, to = turn.state.texts.get(node.name, 0) + 1, turn.value(node.to)
    if not isinstance(to, str) or not to:
        turn.fail("no_number", node.failed)
        return
    text = turn.utterance(turn.render(node.text))
    turn.set(texts={**turn.state.texts, node.name: count})
    turn.wait(Phase.TEXTING, SendText(node.name, count, to, text))


def _set_values(turn: Turn, node: Set) -> None:
    for name, expression in node.assignments.items():
        turn.assign(name, turn.value(expression))
    if node.language not in (None, turn.state.language):
        turn.speak(node.language)
        turn.note(facts.LanguageChosen(node.name, node.language))
        turn.set(heard=())  # it was in the other language
    turn.go(node.then)


def _take_message(turn: Turn, node: TakesMessage) -> None:
    count, language = turn.state.messages.get(node.name, 0) + 1, turn.state.language
    turn.set(messages={**turn.state.messages, node.name: count}, keys="")
    turn.wait(Phase.RECORDING, TakeMessage(node.name, count, node.topic, language, node.max_length, node.final_silence))
