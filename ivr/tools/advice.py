"""What to tell about an edge that no conversation took: what never happened, and the step that goes there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from ivr.core.flow import (
    ACTIONS,
    Branch,
    Call,
    ChecksHours,
    Collect,
    Flow,
    LookUp,
    Menu,
    ReadsList,
    SendsText,
    Target,
    phrases_at,
    said_for,
)
from ivr.tools.edges import DID_YOU_MEAN, ELSE, THEN, USE_KEYS, Edge, Kind, edges_of, subflow_of, wrong_entry
from ivr.tools.opening import moments_of, written_duration, written_moment


def untaken(flow: Flow, edge: Edge) -> str:
    """What has not happened."""
    match edge.kind:
        case Kind.NODE:
            return f"no call came to '{edge.node}'"
        case Kind.CHOICE:
            return f"nobody pressed {edge.label} at '{edge.node}'"
        case Kind.ENTRY:
            return f"nobody filled in '{edge.node}'"
        case Kind.SPOKEN:
            said = _to_say(flow, edge)
            return f"nobody said {said} at '{edge.node}'" if edge.node else f"nobody said {said} (everywhere)"
        case Kind.SPEECH:
            asked = {USE_KEYS: "nobody was asked to use the keys", DID_YOU_MEAN: "nobody was asked whether they meant what was heard"}
            return f"{asked[edge.label]} (speech)"
        case Kind.NOINPUT:
            return f"nobody was silent at '{edge.node}'"
        case Kind.NOMATCH:
            return f"nobody pressed a wrong key at '{edge.node}'"
        case Kind.EXHAUSTED:
            return f"nobody used up the tries of '{edge.node}'"
        case Kind.UNIVERSAL:
            action = flow.universals[edge.label]
            return f"nobody pressed {edge.label} ({action if action in ACTIONS else f'to {action}'})"
        case Kind.LOOKUP:
            how = {THEN: "was never answered", "not_found": "never found nothing", "failed": "never failed"}[edge.label]
            return f"the look-up at '{edge.node}' {how}"
        case Kind.BRANCH:
            return f"'{edge.node}' never came to its else" if edge.label == ELSE else f"at '{edge.node}', {edge.label} never decided"
        case Kind.MESSAGE:
            return f"no message at '{edge.node}' came to {edge.label}"
        case Kind.HOURS:
            states = {"open": "in the opening hours", "closed": "outside the opening hours", "holiday": "on a holiday"}
            return f"no call came to '{edge.node}' {states[edge.label]}"
        case Kind.LIST:
            return f"no list at '{edge.node}' {'was empty' if edge.label == 'empty' else 'fitted on one page'}"
        case Kind.TEXT:
            return f"no text message at '{edge.node}' {'was sent' if edge.label == THEN else 'failed'}"
        case Kind.LIMIT:
            limits = {"duration": "lasted longer than the line allows", "tries": "failed more often than the line allows"}
            return f"no call {limits.get(edge.label, 'came while the line was crowded')} (limits)"
        case Kind.TRANSFER:
            return f"nobody {_TRANSFERRED[edge.label]} at '{edge.node}'"
        case Kind.RETURN:
            return f"nobody came back from the sub-flow called at '{edge.node}'"
        case Kind.FAILURE:
            return "nothing failed (on_failure)"
        case Kind.HANG_UP:
            return f"nobody hung up at a {edge.label}"
        case Kind.THEN:
            return f"nobody went on from '{edge.node}'"


_TRANSFERRED = {
    THEN: "talked to a person",
    "unanswered": "remained unanswered",
    "callback": "asked to be called back",
    "busy": "found everybody talking",
    "nobody": "found nobody there",
}


def way_to(flow: Flow, edge: Edge, into: Mapping[Target, Edge]) -> str:
    """How a conversation gets there. A node is come to by the first edge that leads to it."""
    if edge.kind is not Kind.NODE:
        return _step(flow, edge)
    way = into.get(edge.node)
    if edge.node == flow.start or way is None:
        return "the call begins there" if edge.node == flow.start else "no edge leads there"
    if way.kind is Kind.THEN:
        return f"it follows '{way.node}'"
    if way.kind is Kind.HANG_UP:
        return f"at a {way.label}, `hang_up`"
    return f"at '{way.node}', {_step(flow, way).removeprefix('there, ')}" if way.node else _step(flow, way)


def ways_into(flow: Flow) -> Mapping[Target, Edge]:
    """For each node, the first edge that leads to it from another."""
    found: dict[Target, Edge] = {}
    for edge in edges_of(flow):
        if edge.target is not None and edge.kind is not Kind.NODE and edge.node != edge.target:
            found.setdefault(edge.target, edge)
    return found


def _step(flow: Flow, edge: Edge) -> str:
    """The step of a conversation that takes an edge."""
    node = flow.nodes.get(edge.node)
    match edge.kind, node:
        case _, ReadsList():
            return _step_of_list(flow, edge, node)
        case Kind.CHOICE, _:
            return f'there, `press: "{edge.label}"`'
        case Kind.SPOKEN, _:
            return f"{'there' if edge.node else 'at any menu'}, `say: {_to_say(flow, edge)}`"
        case Kind.SPEECH, _:
            return f"where something may be said, `{'nobody_listens' if edge.label == USE_KEYS else 'say_unclearly: …'}`"
        case Kind.ENTRY, Collect():
            fewest, most = node.min_digits, node.max_digits
            return f"there, `press` {fewest if fewest == most else f'{fewest} to {most}'} digits"
        case Kind.NOINPUT, _:
            return "there, `silence`"
        case Kind.NOMATCH, (Menu() | Collect()):
            return f'there, `press: "{wrong_entry(flow, node)}"`'
        case Kind.EXHAUSTED, (Menu() | Collect()):
            return f"there, `silence`, {node.retry.tries} times"
        case Kind.UNIVERSAL, _:
            return f'at any menu without a choice {edge.label}, `press: "{edge.label}"`'
        case Kind.LOOKUP, LookUp():
            return f"`back_office: {{{node.lookup}: {'{…}' if edge.label == THEN else edge.label}}}`"
        case Kind.BRANCH, Branch():
            return f"come there {_when(node, edge.label)}"
        case Kind.HOURS, ChecksHours():
            moment = written_moment(moments_of(node.schedule)[edge.label])
            states = {"open": "in the hours of", "closed": "outside the hours of", "holiday": "on a holiday of"}
            return f"come there with `at: {moment}`, {states[edge.label]} '{node.hours}'"
        case Kind.TEXT, SendsText():
            return "there, `sms_fails`" if edge.label == "failed" else f"come there with a mobile number in {node.to.text}"
        case Kind.LIMIT, _:
            return _step_of_limit(flow, edge.label)
        case Kind.MESSAGE, _:
            steps = {"kept": "leave_message", "saved": "message_saved", "too_short": "leave_nothing", "not_kept": "message_fails"}
            return f"there, `{steps[edge.label]}`"
        case Kind.TRANSFER, _:
            return f"there, `{'answered' if edge.label == THEN else edge.label}`"
        case Kind.RETURN, Call():
            return f"come to a `return` of '{subflow_of(node.start)}'"
        case Kind.FAILURE, _:
            return "at any menu, `line_fails`"
        case Kind.HANG_UP, _:
            return "there, `hang_up`"
        case _:
            return f"come to '{edge.node}'"


def _step_of_list(flow: Flow, edge: Edge, node: ReadsList) -> str:
    """What a caller of a list does, and how long the list must be for that."""
    items, size, keys = node.items.text, node.page_size, node.keys
    match edge.kind, edge.label:
        case Kind.LIST, "empty":
            return f"come there with nothing in {items}"
        case Kind.LIST, _:
            return f"come there with {'1 item' if size == 1 else f'1 to {size} items'} in {items}"
        case Kind.CHOICE, keys.backward:
            steps = f'`press: "{keys.forward}{keys.backward}"`'
        case Kind.CHOICE, key:
            steps = f'`press: "{key}"`'
        case Kind.NOINPUT, _:
            steps = "`silence`"
        case Kind.NOMATCH, _:
            steps = f'`press: "{wrong_entry(flow, node)}"`'
        case _:
            steps = f"`silence`, {node.retry.tries} times"
    return f"there, with more than {size} in {items}, {steps}"


def _step_of_limit(flow: Flow, limit: str) -> str:
    match limit, flow.limits.duration:
        case "duration", dt.timedelta() as longest:
            return f"at any menu, `later: {written_duration(longest)}` and then any step"
        case "tries", _:
            return f"`silence` in menus and forms, {flow.limits.tries} times in all"
        case _:
            return "`crowded: true`"


def _to_say(flow: Flow, edge: Edge) -> str:
    """What may be said to take an edge, in the flow's first language that has something."""
    node = flow.nodes.get(edge.node)
    if isinstance(node, Collect):
        return "digits"
    phrases = phrases_at(node) if isinstance(node, Menu | ReadsList) else flow.universal_phrases
    return next(said for language in flow.languages if (said := said_for(phrases.get(language, {}), edge.label)) is not None)


def _when(node: Branch, label: str) -> str:
    earlier = [condition.text for condition, _ in node.arms]
    if label == ELSE:
        return f"with none of its conditions true: {', '.join(earlier)}"
    earlier = earlier[: earlier.index(label)]
    return f"with {label}" + (f" and not {', '.join(earlier)}" if earlier else "")
