"""Imported flows go the ways of the originals: held against small models of both, step by step, for any menus and any caller.

`Menus` follows `switch_ivr_menu_execute` of FreeSWITCH 1.10, `Pages` the reference of TwiML. Neither knows how flows are made.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core.commands import AskDigits, Play, Release, TakeMessage, Transfer
from ivr.core.events import CallStarted, DigitsEntered, MessageKept, NothingHeard, PromptPlayed, Released, TransferEnded
from ivr.core.flow import Flow
from ivr.core.interpreter import advance
from ivr.core.state import CallState
from ivr.tools.flowtest import transcript_of
from tests.tools.importing import flow_of, of

NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.UTC)
TRIES = 2
SILENCE = ""

Trace = list[tuple[str, str]]
"""What happened to a caller: asked by a menu, connected somewhere, a text heard, the end."""


def walked(flow: Flow, keys: Iterator[str]) -> Trace:
    """What happens in a flow; keys in the order in which a caller presses them. It ends when the caller has no more."""
    trace: Trace = []
    step = advance(flow, CallState(), CallStarted(NOON, "00000000-0000-4000-8000-000000000000", "13900001008", flow.name))
    while step.command is not None:
        command, node = step.command, step.state.node
        if isinstance(command, AskDigits | Play) and (text := transcript_of(command.utterance)):
            trace.append(("heard", text))
        match command:
            case AskDigits():
                trace.append(("asked", node.partition("/")[0]))
                pressed = next(keys, None)
                if pressed is None:
                    return trace
                step = advance(flow, step.state, DigitsEntered(NOON, pressed) if pressed else NothingHeard(NOON))
            case Play():
                step = advance(flow, step.state, PromptPlayed(NOON))
            case Transfer():
                trace.append(("connected", command.destination))
                step = advance(flow, step.state, TransferEnded(NOON, True))
            case TakeMessage():
                trace.append(("message", ""))
                step = advance(flow, step.state, MessageKept(NOON, "481625"))
            case Release():
                trace.append(("end", ""))
                step = advance(flow, step.state, Released(NOON))
            case _:
                raise AssertionError(command)
    return trace


# --- FreeSWITCH ---


@dataclass(frozen=True)
class Entry:
    key: str
    action: str
    param: str = ""


class OutOfKeys(Exception):
    """The caller has been followed long enough."""


class Menus:
    """The main loop of FreeSWITCH's menus, without its sounds."""

    def __init__(self, menus: Mapping[str, list[Entry]], keys: Iterator[str]) -> None:
        self._menus = menus
        self._keys = keys
        self._to_main = self._gone = False
        self.mixed = False
        self.trace: Trace = []

    def run(self) -> None:
        try:
            self._execute("m0", top=True)
            self.trace.append(("end", ""))
        except OutOfKeys:
            pass

    def _execute(self, name: str, *, top: bool) -> str:
        failures = timeouts = 0
        status = "success"
        while status == "success" and not self._gone:
            if TRIES in (failures, timeouts):
                break
            if failures and timeouts:
                self.mixed = True
                raise OutOfKeys
            self.trace.append(("asked", name))
            pressed = next(self._keys, None)
            if pressed is None:
                raise OutOfKeys
            if pressed == SILENCE:
                timeouts += 1
                continue
            found = [entry for entry in self._menus[name] if entry.key == pressed]
            if not found:
                failures += 1
                continue
            failures = 0
            back = False
            for entry in found:
                status, went_back = self._act(entry)
                back = back or went_back
            if top and self._to_main:
                self._to_main = False
                status = "success"
                continue
            if back:
                return "success"
        return status

    def _act(self, entry: Entry) -> tuple[str, bool]:
        match entry.action:
            case "menu-exit":
                return "false", False
            case "menu-back":
                return "success", True
            case "menu-top":
                self._to_main = True
                return "break", False
            case "menu-sub":
                return self._execute(entry.param, top=False), False
            case "menu-play-sound":
                return "success", False
            case _:
                application, _, destination = entry.param.partition(" ")
                self.trace.append(("connected", destination))
                self._gone = application == "transfer"
                return "success", False


@st.composite
def menus_and_keys(draw: st.DrawFn) -> tuple[dict[str, list[Entry]], list[str]]:
    """Menus that lead to later ones only, and what a caller does: wrong keys now and then, silence until the menu gives up."""
    count = draw(st.integers(1, 5))
    menus: dict[str, list[Entry]] = {}
    for number in range(count):
        actions = [
            st.sampled_from((("menu-back", ""), ("menu-top", ""), ("menu-exit", ""), ("menu-play-sound", "say:Hello."))),
            st.sampled_from((("menu-exec-app", "transfer desk"), ("menu-exec-app", "bridge phone"))),
        ]
        if number + 1 < count:
            actions += [st.integers(number + 1, count - 1).map(lambda other: ("menu-sub", f"m{other}"))] * 3
        chosen = draw(st.lists(st.one_of(*actions), min_size=1, max_size=5))
        menus[f"m{number}"] = [Entry(str(key), action, param) for key, (action, param) in enumerate(chosen, 1)]
    turns = st.one_of(
        st.integers(1, 5).map(lambda key: [str(key)]), st.just(["9", "1"]), st.just(["9"] * TRIES), st.just([SILENCE] * TRIES)
    )
    return menus, [key for turn in draw(st.lists(turns, max_size=12)) for key in turn]


def places(trace: Trace) -> Trace:
    return [one for one in trace if one[0] != "heard"]


@given(menus_and_keys())
@settings(max_examples=100, deadline=None)
def test_callers_of_menus_come_where_they_came_there(case: tuple[dict[str, list[Entry]], list[str]]):
    """Who mixes wrong keys and silence in one menu is followed no further: selfline counts them together, which the guide tells."""
    menus, keys = case
    text = "".join(
        f'<menu name="{name}" greet-long="say:This is {name}." max-failures="{TRIES}">'
        + "".join(f'<entry action="{one.action}" digits="{one.key}" param="{one.param}"/>' for one in entries)
        + "</menu>"
        for name, entries in menus.items()
    )
    there = Menus(menus, iter(keys))
    there.run()

    here = places(walked(flow_of(of(x=f"<menus>{text}</menus>")), iter(keys)))

    assert (here[: len(there.trace)] if there.mixed else here) == there.trace


# --- TwiML ---


class Pages:
    """What a caller of TwiML pages hears."""

    def __init__(self, pages: Mapping[str, list[tuple[str, str]]], keys: Iterator[str]) -> None:
        self._pages = pages
        self._keys = keys
        self.trace: Trace = []

    def run(self, page: str) -> None:
        following: str | None = page
        while following is not None:
            following = self._page(following)

    def _page(self, page: str) -> str | None:
        """What a page does with a caller, and the page it leads to."""
        for verb, value in self._pages[page]:
            match verb:
                case "Say":
                    self._hear(value)
                case "Gather":
                    self._hear(f"Press one, {value}.")
                    pressed = next(self._keys, None)
                    if pressed is None:
                        return None
                    if pressed:
                        return f"{value}-{pressed}"
                case "Dial":
                    self.trace.append(("connected", value))
                case "Redirect":
                    return value
                case _:
                    break
        self.trace.append(("end", ""))
        return None

    def _hear(self, text: str) -> None:
        if self.trace and self.trace[-1][0] == "heard":
            text = self.trace.pop()[1] + text
        self.trace.append(("heard", text.replace(" ", "")))


def written(page: list[tuple[str, str]]) -> str:
    verbs = {
        "Say": "<Say>{0}</Say>",
        "Gather": '<Gather numDigits="1" action="/{0}"><Say>Press 1, {0}.</Say></Gather>',
        "Dial": "<Dial>{0}</Dial>",
        "Redirect": "<Redirect>/{0}</Redirect>",
        "Hangup": "<Hangup/>",
    }
    return f"<Response>{''.join(verbs[verb].format(value) for verb, value in page)}</Response>"


@st.composite
def pages_and_keys(draw: st.DrawFn) -> tuple[dict[str, list[tuple[str, str]]], list[str]]:
    """Pages that lead to later ones only: each asks under a name of its own, and its answers to 1 and 2 are pages."""
    names = ["start", "alpha-1", "alpha-2", "beta-1", "beta-2", "gamma"]
    pages: dict[str, list[tuple[str, str]]] = {}
    for number, name in enumerate(names):
        verbs = [st.sampled_from((("Say", f"Text of {name.partition('-')[0]}."), ("Dial", "desk"), ("Say", "More."), ("Hangup", "")))]
        if number == 0:
            verbs.append(st.just(("Gather", "alpha")))
        if number in (1, 2):
            verbs.append(st.just(("Gather", "beta")))
        if number < len(names) - 1:
            verbs.append(st.just(("Redirect", names[-1])))
        pages[name] = draw(st.lists(st.one_of(*verbs), max_size=5))
    return pages, draw(st.lists(st.sampled_from(("1", "2", SILENCE)), max_size=6))


def as_one(trace: Trace) -> Trace:
    """What is heard in a row is heard at once; which node asks is not told by pages."""
    found: Trace = []
    for what, value in trace:
        if what == "asked":
            continue
        if what == "heard" and found and found[-1][0] == "heard":
            value = found.pop()[1] + value
        found.append((what, value.replace(" ", "")))
    return found


@given(pages_and_keys())
@settings(max_examples=100, deadline=None)
def test_callers_of_pages_hear_what_they_heard_there(case: tuple[dict[str, list[tuple[str, str]]], list[str]]):
    pages, keys = case
    there = Pages(pages, iter(keys))
    there.run("start")

    here = as_one(walked(flow_of(of(**{name.replace("-", "__"): written(page) for name, page in pages.items()})), iter(keys)))

    assert here == there.trace
