"""Proving flows that read lists, ask the clock, send texts, set limits, and pass values through sub-flows."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.events import CallStarted, Event, LookupAnswered
from ivr.core.flow import ChecksHours, Collect, Flow
from ivr.core.interpreter import advance
from ivr.core.schedule import Period, Schedule, Span, holiday_at, is_open
from ivr.core.state import CallState
from ivr.core.values import Kind, ListOf, LookupSignature, Record, Scalar, Value
from ivr.language.loader import load_flow
from ivr.tools.abstraction import abstract
from ivr.tools.conversations import NOON
from ivr.tools.exploring import Search
from ivr.tools.modelcheck import prove
from ivr.tools.moments import Moments
from ivr.tools.witnesses import Answer
from tests.conftest import CATALOGUE
from tests.tools.test_modelcheck import HEAD, TAIL, conversation_of, flow_of, held, refuted

LONELY = "  lonely: {menu: main_menu_short, choices: {1: goodbye}, exhausted: goodbye}\n"
HOURS = 'hours:\n  desk: {week: {mon-fri: "09:00-17:00"}}\n'
LIST = """
  main: {lookup: bundles, with: {number: call.caller_id}, then: tell}
  tell: {read: bundles.items, as: bundle, each: "{{ bundle.left | volume }}。", page: 2, more: main_menu, last: main_menu_short,
    empty: EMPTY, exhausted: leave, then: THEN}
"""


def list_of(empty: str = "leave", then: str = "leave", more: str = "") -> str:
    return LIST.replace("EMPTY", empty).replace("THEN", then) + more


# --- lists --------------------------------------------------------------------------------------------------------


def test_a_list_that_is_read_is_proved_however_long_it_is():
    proof = prove(flow_of(list_of()), SIGNATURES)

    assert proof.proved
    assert proof.assumed == ()


@pytest.mark.parametrize(
    ("nodes", "items", "steps"),
    [
        (list_of(empty="lonely", more=LONELY), 0, ()),
        (list_of(then="lonely", more=LONELY), 1, ()),
        (
            list_of(then="sort", more='  sort: {branch: [{when: "size(bundles.items) == 5", then: lonely}, {else: leave}]}\n' + LONELY),
            5,
            None,
        ),
    ],
)
def test_what_follows_a_list_is_tried_for_each_number_of_items_that_makes_a_difference(
    nodes: str, items: int, steps: tuple[str, ...] | None
):
    flow = flow_of(nodes)

    found = refuted(prove(flow, SIGNATURES), "help-in-reach")

    assert found.happens
    assert found.conversation.count("left: ") == items
    assert steps is None or found.steps == steps
    assert held(flow, found).problem is None


def test_the_last_page_of_a_long_list_can_be_turned_back():
    """A key of the line means something else while pages are turned; both are tried."""
    flow = flow_of(list_of(then="lonely", more=LONELY), head=HEAD + 'universals: {"3": lonely, "*": back, "9": repeat}\n')

    proof = prove(flow, SIGNATURES)

    assert proof.complete
    assert refuted(proof, "help-in-reach").happens


def test_an_item_that_cannot_be_said_is_found():
    """A name may be empty, which is no assumption, but what one item of a list lacks."""
    nodes = list_of().replace("{{ bundle.left | volume }}", "{{ bundle.name | text }}")
    tail = TAIL.replace("{say: sorry_trouble, then: leave}", "{say: sorry_trouble, then: lonely}\n" + LONELY.rstrip())
    flow = flow_of(nodes, tail=tail)

    proof = prove(flow, SIGNATURES)
    found = refuted(proof, "help-in-reach")

    assert proof.assumed == ()
    assert found.happens
    assert held(flow, found).problem is None
    assert found.places[-1].node == "lonely"


def test_whether_something_is_in_a_list_is_assumed_either_way():
    names = LookupSignature("names", {"number": Scalar(Kind.DIGITS)}, Record({"all": ListOf(Scalar(Kind.TEXT))}))
    text = f"""{HEAD}nodes:
  main: {{lookup: names, with: {{number: call.caller_id}}, then: sort}}
  sort: {{branch: [{{when: '"gold" in names.all', then: lonely}}, {{else: leave}}]}}
{LONELY}{TAIL}"""
    loaded = load_flow(text, "flows/test.yaml", CATALOGUE, {"names": names})
    assert loaded.flow is not None

    proof = prove(loaded.flow, {"names": names})

    assert len(proof.assumed) == 1
    assert not refuted(proof, "help-in-reach").happens


# --- opening hours ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "clock"), [("open", "12:00"), ("closed", None)])
def test_the_hours_are_tried_open_and_closed_and_the_conversation_says_when(state: str, clock: str | None):
    ways = {"open": "leave", "closed": "leave"} | {state: "lonely"}
    nodes = f"  main: {{hours: desk, open: {ways['open']}, closed: {ways['closed']}}}\n{LONELY}"
    flow = flow_of(nodes, head=HEAD + HOURS)

    found = refuted(prove(flow, SIGNATURES), "help-in-reach")

    assert found.happens
    assert ("    at: " in found.conversation) == (clock is None)
    assert held(flow, found).problem is None
    node = flow.nodes["main"]
    assert isinstance(node, ChecksHours)
    assert is_open(node.schedule, conversation_of(found).at) == (state == "open")


def test_time_passes_between_two_looks_at_the_hours():
    """Open when the call comes, closed at the second look: the desk closes in between, or the caller waits for the night."""
    flow = flow_of(
        """
  main: {hours: desk, open: ask, closed: leave}
  ask: {menu: main_menu, choices: {1: again, 0: leave}, exhausted: leave}
  again: {hours: desk, open: leave, closed: trapped}
  trapped: {menu: main_menu_short, choices: {1: trapped}, exhausted: count}
  count: {set: {times: 0}, then: enough}
  enough: {branch: [{when: times > 5, then: goodbye}, {else: trapped}]}
""",
        head=HEAD + HOURS,
    )

    found = refuted(prove(flow, SIGNATURES), "no-dead-end")

    assert found.happens
    assert found.steps[0].startswith("later: ")
    assert found.steps[-1] == 'press: "1"'
    assert "line_ends" in str(held(flow, found).problem)


def test_two_hours_stand_together_only_as_the_calendar_has_it():
    """The desk is never open while the house is closed, so what lies behind that cannot be reached."""
    hours = 'hours:\n  desk: {week: {mon-fri: "09:00-17:00"}}\n  house: {week: {mon-sat: "08:00-20:00"}}\n'
    flow = flow_of(
        f"""
  main: {{hours: house, open: leave, closed: desk}}
  desk: {{hours: desk, open: lonely, closed: leave}}
{LONELY}""",
        head=HEAD + hours,
    )

    assert prove(flow, SIGNATURES).proved


def test_hours_that_never_open_again_fail_and_the_failure_is_followed():
    shut = Schedule({}, open=(Period(NOON - dt.timedelta(days=2), NOON - dt.timedelta(days=1)),))
    flow = flow_of("  main: {hours: desk, open: leave, closed: leave}\n" + LONELY.replace("lonely", "unused"), head=HEAD + HOURS)
    node = flow.nodes["main"]
    assert isinstance(node, ChecksHours)
    changed = replace(flow, nodes={**flow.nodes, "main": replace(node, schedule=shut)}, on_failure="unused")

    found = refuted(prove(changed, SIGNATURES), "help-in-reach")

    assert found.places[-1].node == "unused"


def test_each_way_in_which_hours_can_stand_has_a_moment():
    week = {day: (Span(dt.time(9), dt.time(17)),) for day in range(5)}
    closed = (Period(dt.date(2031, 10, 1), dt.date(2031, 10, 4), "National Day"),)
    flow = flow_of("  main: {hours: desk, open: leave, closed: leave}\n", head=HEAD + HOURS)
    node = flow.nodes["main"]
    assert isinstance(node, ChecksHours)
    schedule = Schedule(week, closed=closed)

    moments = Moments(replace(flow, nodes={"main": replace(node, schedule=schedule)}))

    assert {(is_open(schedule, at), holiday_at(schedule, at)) for at in moments.choices} == {
        (True, None),
        (False, None),
        (False, "National Day"),
    }
    assert moments.complete


# --- limits, languages, texts -------------------------------------------------------------------------------------


def test_a_call_that_lasts_too_long_is_followed_to_where_it_goes():
    limits = "limits: {duration: 10min, exceeded: trapped}\n"
    flow = flow_of(
        """
  main: {menu: main_menu, choices: {1: main, 0: leave}, exhausted: leave}
  trapped: {menu: main_menu_short, choices: {1: trapped}, exhausted: count}
  count: {set: {times: 0}, then: enough}
  enough: {branch: [{when: times > 5, then: goodbye}, {else: trapped}]}
""",
        head=HEAD + limits,
    )

    found = refuted(prove(flow, SIGNATURES), "no-dead-end")

    assert found.happens
    assert found.steps[0].startswith("later: ")
    assert found.places[-1].node == "trapped"
    assert "line_ends" in str(held(flow, found).problem)


@pytest.mark.parametrize("tries", [4, 20])
def test_failed_tries_are_counted_over_the_whole_call(tries: int):
    """Few tries are counted. Of many, each may be the last one, which is told."""
    flow = flow_of(
        """
  main: {menu: main_menu, choices: {1: main, 0: leave}, exhausted: other}
  other: {menu: main_menu_short, choices: {1: main}, exhausted: leave}
  spent: {menu: main_menu_short, choices: {1: goodbye}, exhausted: goodbye}
""",
        head=f"{HEAD}limits: {{tries: {tries}, exceeded: spent}}\n",
    )

    proof = prove(flow, SIGNATURES)
    found = refuted(proof, "help-in-reach")

    assert found.happens == (tries == 4)
    assert bool(proof.assumed) == (tries == 20)
    if tries == 4:
        assert found.places[-1].node == "spent"
        assert found.steps == ('press: "8"',) * 4
        assert held(flow, found).problem is None


def test_a_line_that_is_full_may_say_so_and_end():
    head = HEAD + "limits: {calls: 3, crowded: goodbye, duration: 10min, exceeded: goodbye}\n"
    flow = flow_of("  main: {menu: main_menu, choices: {1: leave}, exhausted: leave}\n", head=head)

    assert prove(flow, SIGNATURES).proved


def test_a_call_to_a_full_line_is_told_in_a_conversation():
    head = HEAD + "limits: {calls: 3, crowded: lonely}\n"
    flow = flow_of(f"  main: {{menu: main_menu, choices: {{1: leave}}, exhausted: leave}}\n{LONELY}", head=head)

    found = refuted(prove(flow, SIGNATURES), "help-in-reach")

    assert "    crowded: true\n" in found.conversation
    assert held(flow, found).problem is None
    assert found.happens


def test_a_caller_may_have_chosen_each_language_before():
    """Only a condition on the language leads to the menu without help, and nothing in the flow chooses that language."""
    head = HEAD.replace("[zh-CN]", "[zh-CN, en-US]") + "remember_language: true\n"
    nodes = "  main: {branch: [{when: 'language == \"en-US\"', then: lonely}, {else: leave}]}\n"
    flow = flow_of(nodes + LONELY, head=head)

    found = refuted(prove(flow, SIGNATURES), "help-in-reach")

    assert "    language: en-US\n" in found.conversation
    assert held(flow, found).problem is None
    assert found.happens


def test_a_text_message_may_fail_and_a_number_may_be_withheld():
    nodes = f"  main: {{sms: 您好, to: call.caller_id, then: leave, failed: lonely}}\n{LONELY}"
    flow = flow_of(nodes)

    found = refuted(prove(flow, SIGNATURES), "help-in-reach")

    assert found.places[-1].node == "lonely"
    assert found.happens
    assert held(flow, found).problem is None


def test_a_text_message_that_cannot_be_queued_is_told_in_a_conversation():
    flow = flow_of(f"  main: {{sms: 您好, to: '\"13900001008\"', then: leave, failed: lonely}}\n{LONELY}")

    found = refuted(prove(flow, SIGNATURES), "help-in-reach")

    assert found.steps == ("sms_fails",)
    assert held(flow, found).problem is None


def test_a_text_message_after_the_caller_has_hung_up_is_no_fault():
    head = HEAD + "on_hangup: bye_text\n"
    flow = flow_of("  main: {menu: main_menu, choices: {1: leave}, exhausted: leave}\n  bye_text: {sms: 您好, then: gone}\n", head=head,
                   tail=TAIL + "  gone: {hangup: []}\n")  # fmt: skip

    assert prove(flow, SIGNATURES).proved


def test_a_secret_in_a_text_message_is_refuted():
    """The loader refuses such a flow, so the form is made secret after loading."""
    flow = flow_of("""
  main: {collect: main_menu, as: pin, length: 4, then: write, exhausted: leave}
  write: {sms: "{{ pin | digits }}", then: leave}
""")
    form = flow.nodes["main"]
    assert isinstance(form, Collect)
    secret = replace(flow, nodes={**flow.nodes, "main": replace(form, secret=True)})

    found = refuted(prove(secret, SIGNATURES), "secret-stays-secret")

    assert found.problem == "a secret is in a text message"
    assert found.steps == ('press: "9753"',)


# --- sub-flows that take and give ---------------------------------------------------------------------------------

GIVES = """
subflows:
  ask:
    start: form
    takes: {limit: number}
    nodes:
      form: {collect: main_menu, as: number, min: 2, max: 4, confirm: "{{ number | digits }}", then: look_up, exhausted: end}
      look_up: {lookup: account, with: {number: number}, not_found: none, failed: none, then: given}
      given: {return: {found: account.suspended, account: account, many: limit > 5}}
      none: {return: {found: false, account: account, many: false}}
      end: {goto: /leave}
"""


def test_conditions_on_what_a_sub_flow_returns_are_decided_by_the_look_up_within():
    gives = GIVES.replace("not_found: none, failed: none, ", "not_found: end, failed: end, ").replace(
        "      none: {return: {found: false, account: account, many: false}}\n", ""
    )
    flow = flow_of(
        f"""
  main: {{call: ask, with: {{limit: "7"}}, as: given, then: sort}}
  sort: {{branch: [{{when: given.account.balance < 0 && given.found && given.many, then: lonely}}, {{else: leave}}]}}
{LONELY}""",
        tail=TAIL + gives,
    )

    proof = prove(flow, SIGNATURES)
    found = refuted(proof, "help-in-reach")

    assert proof.assumed == ()
    assert found.happens
    assert "balance: -" in found.conversation
    assert "suspended: true" in found.conversation
    assert held(flow, found).problem is None


def test_a_value_that_a_sub_flow_takes_is_known_within_by_where_it_came_from():
    flow = flow_of(
        f"""
  main: {{lookup: account, with: {{number: call.caller_id}}, not_found: leave, then: pass_on}}
  pass_on: {{call: sort, with: {{amount: account.balance}}, then: leave}}
{LONELY}""",
        tail=TAIL
        + """
subflows:
  sort:
    start: sort
    takes: {amount: money}
    nodes:
      sort: {branch: [{when: amount > 100, then: /lonely}, {else: end}]}
      end: {return: }
""",
    )

    proof = prove(flow, SIGNATURES)

    assert proof.assumed == ()
    found = refuted(proof, "help-in-reach")
    assert "balance: 10" in found.conversation
    assert held(flow, found).problem is None


# --- nothing that can happen is missed ----------------------------------------------------------------------------


def coarse(state: CallState) -> object:
    return (
        state.phase, state.node, state.language, state.returns, state.hung_up, bool(state.references), bool(state.keys or state.partial),
        state.limited,
    )  # fmt: skip


def some_value(type_: object, dice: random.Random, witnessed: Mapping[tuple[str, ...], tuple[Value, ...]], path: tuple[str, ...]) -> Value:
    """A real value: a list of any length, with items that may lack what can be lacking."""
    match type_:
        case Record():
            return {name: some_value(field, dice, witnessed, (*path, name)) for name, field in type_.fields.items()}
        case ListOf():
            return tuple(some_value(type_.item, dice, witnessed, ("?",)) for _ in range(dice.choice((0, 1, 2, 3, 4, 5, 6, 7, 9, 12))))
        case Scalar(kind=Kind.TEXT | Kind.DIGITS) if path not in witnessed:
            return dice.choice(("", "5", "5", "5"))
        case Scalar(kind=kind) if path not in witnessed:
            plain: Mapping[Kind, Value] = {Kind.VOLUME: 5, Kind.DATE: NOON.date(), Kind.BOOL: True}
            return plain[kind]
        case _:
            return dice.choice(witnessed[path])


def random_call(flow: Flow, search: Search, dice: random.Random) -> Iterator[CallState]:
    """A call of real events with whole answers at real times: some calls are quick, some last for days."""
    at = NOON + dt.timedelta(minutes=dice.randrange(60 * 24 * 9))
    pace = dice.choice((1, 1, 200, 30_000))
    starts = [event for event, _ in search.happening.events(CallState(), None) if isinstance(event, CallStarted)]
    step = advance(flow, CallState(), replace(dice.choice(starts), at=at))
    for _ in range(60):
        yield step.state
        if step.command is None:
            return
        event: Event = dice.choice([event for event, _ in search.happening.events(step.state, step.command)])
        at += dt.timedelta(seconds=dice.randrange(1, 2 * pace + 1))
        if isinstance(event, LookupAnswered) and isinstance(event.answer, Answer):
            witnessed = search._known.lookups[event.answer.decisions.source]
            event = replace(event, answer=some_value(witnessed.type, dice, witnessed.values, ()))
        step = advance(flow, step.state, replace(event, at=at))


LISTS = "read: bundles.items, as: one, more: main_menu, last: main_menu, exhausted: {later}"
KINDS = (  # `any` leads anywhere, and only a key of the caller does; `later` and `then` lead on, so that silence comes to an end
    "{{menu: main_menu, choices: {{1: {any}, 2: {other}, 34: {later}}}, exhausted: {then}}}",
    "{{menu: main_menu_short, choices: {{1: {any}, 5: {other}}}, tries: 2, exhausted: {later}}}",
    "{{collect: main_menu, as: number, min: 2, max: 4, confirm: main_menu_short, then: {any}, exhausted: {later}}}",
    "{{"
    + LISTS
    + ", each: {{zh-CN: '{{{{ one.name | text }}}}', en-US: '{{{{ one.name | text }}}}'}}, page: 2, empty: {later}, then: {then}}}",
    "{{"
    + LISTS
    + ", each: {{zh-CN: '{{{{ one.left | volume }}}}', en-US: '{{{{ one.left | volume }}}}'}}, page: 3, forward: 7, then: {then}}}",
    "{{hours: desk, open: {later}, closed: {then}}}",
    "{{hours: night, open: {later}, closed: {then}}}",
    "{{sms: {{zh-CN: '{{{{ bundles.count | number }}}}', en-US: '{{{{ bundles.count | number }}}}'}}, then: {later}, failed: {then}}}",
    "{{lookup: bundles, with: {{number: call.caller_id}}, then: {later}, failed: {then}}}",
    "{{branch: [{{when: size(bundles.items) > 2, then: {later}}}, {{when: bundles.count > 3, then: {then}}}, {{else: {later}}}]}}",
    "{{call: sub, with: {{many: bundles.count}}, as: given, then: sort}}",
    "{{set: {{language: en-US}}, then: {later}}}",
)
HEADS = (
    ("", 'universals: {"*": back, "9": repeat, "0": talk}\n', 'universals: {"*": back}\n'),
    ("", "limits: {duration: 20min, tries: 5, exceeded: talk, calls: 3, crowded: leave}\n", "limits: {tries: 12, exceeded: leave}\n"),
    ("", "remember_language: true\n"),
)
SUB = """
  talk: {transfer: agents, then: goodbye, unanswered: leave}
  sort: {branch: [{when: given.more && given.all.count > 1, then: leave}, {else: talk}]}
subflows:
  sub:
    start: ask
    takes: {many: number}
    nodes:
      ask: {menu: main_menu, choices: {1: look_up, 2: end, 3: "/n0"}, exhausted: end}
      look_up: {lookup: bundles, with: {number: call.caller_id}, failed: /leave, then: tell}
      tell:
        {read: bundles.items, each: {zh-CN: "{{ item.name | text }}", en-US: "{{ item.name | text }}"}, page: 1,
         more: main_menu, last: main_menu, exhausted: /leave, then: out}
      out: {return: {more: many > 2, all: bundles}}
      end: {goto: /leave}
"""


def generated(dice: random.Random) -> Flow | None:
    """A flow of nodes that lead anywhere; None when `ivr lint` refuses it."""
    names = [f"n{number}" for number in range(9)]
    lines = ["  main: {lookup: bundles, with: {number: call.caller_id}, failed: leave, then: n0}"]
    for number, name in enumerate(names):
        later = [*names[number + 1 : number + 5], "leave" if number > 4 else names[number + 1], "talk" if number > 6 else names[number + 1]]
        ways = {"any": dice.choice(names), "other": dice.choice(names), "later": dice.choice(later), "then": dice.choice(later)}
        lines.append(f"  {name}: {dice.choice(KINDS).format(**ways)}")
    hours = 'hours:\n  desk: {week: {mon-fri: "09:00-17:00"}}\n  night: {week: {mon-sun: "20:00-24:00"}}\n'
    head = HEAD.replace("[zh-CN]", "[zh-CN, en-US]") + hours + "".join(map(dice.choice, HEADS))
    loaded = load_flow(f"{head}nodes:\n" + "\n".join(lines) + TAIL + SUB, "flows/test.yaml", CATALOGUE, SIGNATURES)
    return None if any(problem.severity == "error" for problem in loaded.problems) else loaded.flow


@pytest.mark.parametrize("seed", range(4))
def test_no_random_call_of_a_generated_flow_comes_to_a_state_that_was_not_explored(seed: int):
    """Real lists of any length with items that lack something, real times, keys pressed ahead: nothing goes beyond what was explored."""
    dice = random.Random(seed)
    flow, search = next(found for found in (explored_flow(dice) for _ in range(100)) if found is not None)
    explored = {coarse(seen.state) for seen in search.seen}

    met = {coarse(state) for _ in range(300) for state in random_call(flow, search, dice) if not state.over}

    assert not met - explored
    assert len(met) > 5


def explored_flow(dice: random.Random) -> tuple[Flow, Search] | None:
    """A generated flow that is explored to its end within a second or two."""
    flow = generated(dice)
    if flow is None:
        return None
    search = Search(abstract(flow, SIGNATURES), advance, lambda happened: (), 500)
    search.run()
    return (flow, search) if search.complete else None
