"""What a drawing says in words: a box about its node, the legend about limits and hours; and how words are fitted into a box."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterator

from ivr.core.flow import (
    Branch,
    Call,
    ChecksHours,
    Collect,
    Flow,
    Goto,
    HangsUp,
    LookUp,
    Menu,
    Node,
    Prompts,
    ReadsList,
    Return,
    Say,
    SendsText,
    Set,
    TakesMessage,
    TransfersCall,
)
from ivr.core.values import Text
from ivr.tools.edges import subflow_of
from ivr.tools.opening import week_in_words, written_duration

_PAUSES = tuple(" ，。、；,.;")


def first_words(flow: Flow, node: Node) -> str:
    """What a box says about its node, in one line however long."""
    match node:
        case Say() | Menu() | Collect() | HangsUp() | TakesMessage():
            return _spoken(flow, node.prompts)
        case TransfersCall():
            return f"{node.destination}, {_seconds(node.ring_time if node.queueing is None else node.queueing.wait)}"
        case LookUp():
            return f"{node.lookup}({', '.join(expression.text for expression in node.arguments.values())})"
        case Set():
            values = [f"{name} = {expression.text}" for name, expression in node.assignments.items()]
            return ", ".join([*values, *([f"language = {node.language}"] if node.language else [])])
        case Call():
            given = ", ".join(expression.text for expression in node.arguments.values())
            return (
                subflow_of(node.start)
                + (f"({given})" if given else "")
                + (f" as {node.variable.rpartition('/')[2]}" if node.variable else "")
            )
        case ReadsList():
            keys = node.keys
            return f"{node.items.text}, {node.page_size} a page, {keys.forward} on, {keys.backward} back; {_spoken(flow, node.each)}"
        case ChecksHours():
            return node.hours
        case SendsText():
            return f"to {node.to.text}: {_spoken(flow, node.text)}"
        case Return():
            return ", ".join(f"{name.rpartition('/')[2]} = {expression.text}" for name, expression in node.results.items())
        case Branch() | Goto():
            return ""


def limits_in_words(flow: Flow) -> Iterator[str]:
    """What is too much, and where a call goes then."""
    limits = flow.limits
    longest = [f"longer than {written_duration(limits.duration)}"] if limits.duration else []
    most = [f"{limits.tries} failed tries in all"] if limits.tries else []
    if limits.exceeded and (longest or most):
        yield f"{' or '.join((*longest, *most))} → {limits.exceeded}"
    if limits.crowded and limits.calls:
        yield f"{limits.calls} calls at once, and one more → {limits.crowded}"


def hours_in_words(flow: Flow) -> Iterator[str]:
    """The opening hours that the flow asks for."""
    schedules = {node.hours: node.schedule for node in flow.nodes.values() if isinstance(node, ChecksHours)}
    for name, schedule in schedules.items():
        many = len(schedule.closed)
        holidays = f"; {many} holiday{'s' * (many != 1)} in its calendars" if many else ""
        yield f"hours {name}: {week_in_words(schedule)}{holidays}"


def _seconds(time: dt.timedelta) -> str:
    return f"rings {time.total_seconds():g} s"


def _spoken(flow: Flow, prompts: Prompts) -> str:
    """Fixed words as they are, values by the last part of their name."""
    language = flow.languages[0]
    pieces = (piece for prompt in prompts for piece in prompt.pieces[language])
    return "".join(piece.text if isinstance(piece, Text) else f"‹{piece.expression.text.rpartition('.')[2]}›" for piece in pieces)


def width_of(text: str) -> int:
    """In cells of a terminal: an ideograph takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def cut(text: str, cells: int) -> str:
    """The beginning of a text that fits, with … when there is more."""
    if width_of(text) <= cells or (width_of(text[:-1]) <= cells and text[-1] in _PAUSES):
        return text
    while width_of(text) > cells - 1:
        text = text[:-1]
    return text.rstrip(" ，。,.、") + "…"


def wrapped(text: str, cells: int, lines: int) -> tuple[str, ...]:
    """The beginning of a text in so many lines of so many cells, broken after punctuation or at spaces where there is one near."""
    found: list[str] = []
    rest = text
    while rest and len(found) < lines - 1 and width_of(rest) > cells:
        fitting = len(rest)
        while width_of(rest[:fitting]) > cells:
            fitting -= 1
        good = max((rest.rfind(mark, 0, fitting) + 1 for mark in _PAUSES), default=0)
        at = good if good > fitting // 2 else fitting
        at += rest[at : at + 1] in _PAUSES  # which may hang over the edge
        found.append(rest[:at].strip())
        rest = rest[at:].lstrip()
    return (*found, cut(rest, cells)) if rest else tuple(found)
