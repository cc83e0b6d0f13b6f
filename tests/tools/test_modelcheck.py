"""Proving flows: the shipped ones hold, and a flow that breaks one property is refuted by the shortest call that shows it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.events import CallStarted, Event, LookupAnswered, NothingHeard
from ivr.core.flow import Collect, Flow
from ivr.core.interpreter import Step, advance
from ivr.core.state import CallState, Phase
from ivr.tools.abstraction import abstract
from ivr.tools.conversations import NOON, Conversation, read_script
from ivr.tools.exploring import Search
from ivr.tools.flowtest import Outcome, run
from ivr.tools.happening import SESSION
from ivr.tools.modelcheck import SENTENCES, Proof, Verdict, prove
from ivr.tools.refutations import Refutation
from ivr.tools.witnesses import Answer
from tests.conftest import HOME, load
from tests.test_cli import ivr

HEAD = """selfline: 1
line: "test"
languages: [zh-CN]
start: main
on_failure: trouble
"""
TAIL = """
  trouble: {say: sorry_trouble, then: leave}
  leave: {message: leave_message, topic: callback, kept: message_kept, saved: message_saved, too_short: message_too_short,
    not_kept: message_not_kept, then: goodbye}
  goodbye: {hangup: goodbye}
"""


def flow_of(nodes: str, head: str = HEAD, tail: str = TAIL) -> Flow:
    """A small flow, made of its nodes; `trouble`, `leave` and `goodbye` are there."""
    loaded = load(f"{head}nodes:\n{nodes}{tail}")
    assert [str(problem) for problem in loaded.problems if problem.severity == "error"] == []
    assert loaded.flow is not None
    return loaded.flow


def refuted(proof: Proof, name: str) -> Refutation:
    found = next(one for one in proof.properties if one.name == name)
    assert found.verdict is Verdict.REFUTED
    assert found.refutation is not None
    return found.refutation


def all_but(proof: Proof, *names: str) -> bool:
    return all(one.verdict is Verdict.PROVED for one in proof.properties if one.name not in names)


def conversation_of(refutation: Refutation) -> Conversation:
    script, problems = read_script(refutation.conversation, "flows/tests/found.yaml", SIGNATURES)
    assert [str(problem) for problem in problems] == []
    assert script is not None
    assert script.flow == "../test.yaml"
    return script.conversations[0]


def held(flow: Flow, refutation: Refutation) -> Outcome:
    """What comes of holding the printed conversation."""
    return run(flow, conversation_of(refutation), lambda name, arguments: None)


@pytest.mark.parametrize("path", sorted((HOME / "flows").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_flows_are_proved(path: Path):
    loaded = load(path.read_text(encoding="utf-8"), f"flows/{path.name}")
    assert loaded.flow is not None

    proof = prove(loaded.flow, SIGNATURES)

    assert [(one.name, one.verdict) for one in proof.properties] == [(name, Verdict.PROVED) for name in SENTENCES]
    assert proof.complete
    assert proof.proved
    assert proof.assumed == ()


def test_the_quick_line_tells_how_long_silence_lasts_and_how_far_help_is(quick_line: Flow):
    details = {one.name: one.detail for one in prove(quick_line, SIGNATURES).properties}

    assert details["no-endless-loop"] == "at most 8 turns of the line"
    assert details["help-in-reach"] == "at most 1 menu away"


# --- one broken flow for each property ----------------------------------------------------------------------------

TRAP = """
  main: {menu: main_menu, choices: {1: trapped, 2: leave}, exhausted: leave}
  trapped: {menu: main_menu_short, choices: {1: trapped}, exhausted: count}
  count: {set: {times: 0}, then: enough}
  enough: {branch: [{when: times > 5, then: goodbye}, {else: trapped}]}
"""


def test_a_trap_is_refuted_by_the_key_that_leads_into_it():
    """Only the caller can end the call from 'trapped'; a conversation that waits for the line to end it fails."""
    flow = flow_of(TRAP)

    found = refuted(prove(flow, SIGNATURES), "no-dead-end")

    assert found.problem == "from here on the call can only end by hanging up"
    assert found.steps == ('press: "1"',)
    assert [f"{place.node} {place.mark}" for place in found.places] == ["main flows/test.yaml:8:3", "trapped flows/test.yaml:9:3"]
    assert found.happens
    assert str(held(flow, found).problem).startswith("flows/tests/found.yaml:7:9: error: the line asks for a key")


def test_a_printed_conversation_is_the_whole_file():
    found = refuted(prove(flow_of(TRAP), SIGNATURES), "no-dead-end")

    assert found.conversation == (
        'flow: "../test.yaml"\n'
        "conversations:\n"
        '  - name: "no-dead-end: from here on the call can only end by hanging up"\n'
        '    caller: "13900001008"\n'
        "    steps:\n"
        '      - press: "1"\n'
        "      - line_ends\n"
    )


def test_an_endless_loop_is_refuted_by_going_round_once():
    """A counter that never comes to its end deceives the checks of `ivr lint`, but not the proof."""
    flow = flow_of("""
  main: {menu: main_menu, choices: {1: leave}, tries: 2, exhausted: count}
  count: {set: {times: 1}, then: enough}
  enough: {branch: [{when: times == 2, then: goodbye}, {else: main}]}
""")

    proof = prove(flow, SIGNATURES)
    found = refuted(proof, "no-endless-loop")

    assert all_but(proof, "no-endless-loop")
    assert found.problem == "silence leads from 'main' back to 'main', for ever"
    assert found.steps == ("silence", "silence")
    assert found.happens
    assert held(flow, found).problem is not None


def test_a_counter_that_comes_to_its_end_is_proved():
    flow = flow_of("""
  main: {set: {times: 0}, then: ask}
  ask: {menu: main_menu, choices: {1: leave}, tries: 2, exhausted: count}
  count: {set: {times: times + 1}, then: enough}
  enough: {branch: [{when: times >= 2, then: goodbye}, {else: ask}]}
""")

    proof = prove(flow, SIGNATURES)

    assert proof.proved
    assert next(one.detail for one in proof.properties if one.name == "no-endless-loop") == "at most 6 turns of the line"


def test_a_counter_that_only_the_caller_drives_does_not_make_the_search_endless():
    flow = flow_of("""
  main: {set: {times: 0}, then: ask}
  ask: {menu: main_menu, choices: {1: count, 0: leave}, exhausted: leave}
  count: {set: {times: times + 1}, then: enough}
  enough: {branch: [{when: times == 3, then: hint}, {else: ask}]}
  hint: {say: senior_hint, then: ask}
""")

    proof = prove(flow, SIGNATURES)

    assert proof.complete
    assert proof.proved


def test_a_menu_without_help_is_refuted_by_the_way_to_it():
    flow = flow_of("""
  main: {menu: main_menu, choices: {1: leave, 2: lonely}, exhausted: goodbye}
  lonely: {menu: main_menu_short, choices: {1: main_text}, exhausted: goodbye}
  main_text: {say: usage_no_data, then: goodbye}
""")

    proof = prove(flow, SIGNATURES)
    found = refuted(proof, "help-in-reach")

    assert all_but(proof, "help-in-reach")
    assert found.problem == "from here on neither a person nor a message can be reached, whatever the caller does"
    assert found.steps == ('press: "2"',)
    assert held(flow, found).problem is None


def test_help_that_hangs_on_a_look_up_is_no_help():
    """Whoever is unknown to the back office is sent away from 'main', whatever they press."""
    flow = flow_of("""
  main: {menu: main_menu, choices: {1: look_up}, exhausted: look_up}
  look_up: {lookup: account, with: {number: call.caller_id}, not_found: goodbye, then: leave}
""")

    found = refuted(prove(flow, SIGNATURES), "help-in-reach")

    assert found.steps == ()
    assert found.problem == "from here on neither a person nor a message can be reached, whatever the caller does"


def test_a_caller_who_is_sent_away_before_the_first_menu_is_refuted_by_how():
    flow = flow_of("""
  main: {lookup: account, with: {number: call.caller_id}, not_found: goodbye, then: leave}
""")

    found = refuted(prove(flow, SIGNATURES), "help-in-reach")

    assert found.problem == "the call ends before the caller can come to a person or a message"
    assert "      account: not_found\n" in found.conversation
    assert [place.node for place in found.places] == ["main", "goodbye"]
    assert found.happens


def test_help_behind_four_menus_is_too_far():
    menus = "".join(f"  menu{n}: {{menu: main_menu, choices: {{1: menu{n + 1}}}, exhausted: goodbye}}\n" for n in range(1, 4))
    flow = flow_of(f"""
  main: {{menu: main_menu, choices: {{1: menu1}}, exhausted: goodbye}}
{menus.replace("menu4", "leave")}""")

    found = refuted(prove(flow, SIGNATURES), "help-in-reach")

    assert found.problem == "from here on help is 4 menus away, whatever the caller does"


def test_a_promise_without_a_ticket_is_refuted_by_the_key_that_hears_it():
    flow = flow_of("""
  main: {menu: main_menu, choices: {1: leave, 3: comfort}, exhausted: leave}
  comfort: {say: message_saved, then: goodbye}
""")

    proof = prove(flow, SIGNATURES)
    found = refuted(proof, "promise-has-ticket")

    assert all_but(proof, "promise-has-ticket")
    assert found.problem == "'message_saved' is spoken, but no message has been kept"
    assert found.steps == ('press: "3"',)
    assert str(held(flow, found).problem).startswith("flows/tests/found.yaml:7:20: error: the caller should not hear '您的留言已保存")


def test_a_promise_when_the_message_was_too_short_is_refuted():
    flow = flow_of(
        """
  main: {message: leave_message, topic: callback, kept: message_kept, saved: message_saved, too_short: message_saved,
    not_kept: message_not_kept, then: goodbye}
""",
        tail="\n  trouble: {say: sorry_trouble, then: goodbye}\n  goodbye: {hangup: goodbye}\n",
    )

    found = refuted(prove(flow, SIGNATURES), "promise-has-ticket")

    assert found.steps == ("leave_nothing",)
    assert held(flow, found).problem is not None


def secret_spoken() -> Flow:
    """A flow that reads a PIN aloud. The loader refuses it, so the form is made secret after loading."""
    flow = flow_of("""
  main: {collect: main_menu, as: pin, length: 4, then: repeat_it, exhausted: leave}
  repeat_it: {say: "{{ pin | digits }}", then: leave}
""")
    form = flow.nodes["main"]
    assert isinstance(form, Collect)
    return replace(flow, nodes={**flow.nodes, "main": replace(form, secret=True)})


def test_a_secret_that_is_spoken_is_refuted_by_typing_it():
    flow = secret_spoken()

    proof = prove(flow, SIGNATURES)
    found = refuted(proof, "secret-stays-secret")

    assert all_but(proof, "secret-stays-secret")
    assert found.problem == "a secret is spoken"
    assert found.steps == ('press: "9753"',)
    assert held(flow, found).problem is None


def test_a_secret_of_two_digits_that_is_spoken_is_found_too():
    flow = secret_spoken()
    form = flow.nodes["main"]
    assert isinstance(form, Collect)
    short = replace(flow, nodes={**flow.nodes, "main": replace(form, min_digits=2, max_digits=2)})

    assert refuted(prove(short, SIGNATURES), "secret-stays-secret").steps == ('press: "97"',)


def test_a_secret_that_only_a_look_up_gets_is_proved():
    flow = flow_of("""
  main: {collect: main_menu, as: pin, length: 6, secret: true, then: look_up, exhausted: leave}
  look_up: {lookup: account, with: {number: pin}, not_found: leave, then: tell}
  tell: {say: balance, then: leave}
""")

    assert prove(flow, SIGNATURES).proved


def test_a_flow_that_breaks_its_calls_off_is_refuted_by_the_failing_look_up():
    """What should help when something fails fails itself, four times over."""
    flow = flow_of(
        """
  main: {lookup: account, with: {number: call.caller_id}, not_found: leave, then: tell}
  tell: {say: balance, then: leave}
  trouble: {set: {share: 1 / 0}, then: leave}
""",
        tail=TAIL.replace("  trouble: {say: sorry_trouble, then: leave}\n", ""),
    )

    proof = prove(flow, SIGNATURES)
    found = refuted(proof, "never-gives-up")

    assert all_but(proof, "never-gives-up", "help-in-reach")
    assert found.problem == "the call breaks off, because of 'back_office' at main, 'expression' at trouble"
    assert found.steps == ()
    assert "      account: failed\n" in found.conversation
    assert held(flow, found).problem is None
    assert held(flow, found).transcript == ()


def test_a_flow_that_speaks_after_the_caller_has_hung_up_is_refuted_by_hanging_up():
    """The loader refuses such a flow; the proof does not rely on that."""
    flow = replace(flow_of("  main: {menu: main_menu, choices: {1: leave}, exhausted: leave}\n"), on_hangup="goodbye")

    proof = prove(flow, SIGNATURES)
    found = refuted(proof, "silent-after-hangup")

    assert all_but(proof, "silent-after-hangup")
    assert found.problem == "the caller has hung up, but the call comes to 'goodbye', which speaks or listens"
    assert found.steps == ("hang_up",)
    assert held(flow, found).problem is None


# --- the interpreter itself is under proof ------------------------------------------------------------------------


def test_an_exception_of_the_interpreter_is_refuted_by_what_raises_it():
    def broken(flow: Flow, state: CallState, event: Event) -> Step:
        if isinstance(event, NothingHeard) and state.noinputs == 1:
            raise KeyError("again")
        return advance(flow, state, event)

    flow = flow_of("  main: {menu: main_menu, choices: {1: leave}, exhausted: leave}\n")

    found = refuted(prove(flow, SIGNATURES, advance=broken), "never-gives-up")

    assert found.problem == "NothingHeard breaks the interpreter: KeyError: 'again'"
    assert found.steps == ("silence", "silence")
    assert found.happens


def test_a_command_that_speaks_after_hang_up_is_refuted():
    def deaf(flow: Flow, state: CallState, event: Event) -> Step:
        step = advance(flow, state, event)
        return replace(step, state=replace(step.state, hung_up=True)) if isinstance(event, NothingHeard) else step

    flow = flow_of("  main: {menu: main_menu, choices: {1: leave}, exhausted: leave}\n")

    found = refuted(prove(flow, SIGNATURES, advance=deaf), "silent-after-hangup")

    assert found.problem == "the caller has hung up, but the line is told to AskDigits"
    assert found.steps == ("silence",)


def test_an_event_without_an_answer_is_a_dead_end():
    def deaf(flow: Flow, state: CallState, event: Event) -> Step:
        return advance(flow, replace(state, phase=Phase.NEW) if isinstance(event, NothingHeard) else state, event)

    flow = flow_of("  main: {menu: main_menu, choices: {1: leave}, exhausted: leave}\n")

    found = refuted(prove(flow, SIGNATURES, advance=deaf), "no-dead-end")

    assert found.problem == "the line has no answer to NothingHeard: NothingHeard in a call that is new"


# --- values -------------------------------------------------------------------------------------------------------


def test_each_way_that_the_conditions_can_come_out_has_a_witness(quick_line: Flow):
    account = abstract(quick_line, SIGNATURES).lookups["account"]

    several = {path: values for path, values in account.values.items() if len(values) > 1}

    assert {path[0]: tuple(map(str, values)) for path, values in several.items()} == {
        "language": ("", "en-US"),
        "balance": ("0", "-0.01"),
        "suspended": ("False", "True"),
        "senior": ("False", "True"),
        "has_data": ("False", "True"),
        "unlimited": ("False", "True"),
    }


def test_a_narrow_gap_between_two_constants_is_entered():
    flow = flow_of("""
  main: {lookup: account, with: {number: call.caller_id}, not_found: leave, then: sort}
  sort:
    branch:
      - {when: account.balance >= 10 && account.balance < 10.01, then: lonely}
      - {else: leave}
  lonely: {menu: main_menu_short, choices: {1: goodbye}, exhausted: goodbye}
""")

    found = refuted(prove(flow, SIGNATURES), "help-in-reach")

    assert found.happens
    assert found.places[-1].node == "lonely"
    assert "      account: {balance: 10}\n" in found.conversation


def test_what_the_witnesses_cannot_decide_is_assumed_either_way_and_told():
    """A condition between two fields; behind its first arm there is a trap, which is found."""
    flow = flow_of("""
  main: {lookup: account, with: {number: call.caller_id}, not_found: leave, then: sort}
  sort: {branch: [{when: account.data_used > account.data_total, then: trapped}, {else: leave}]}
  trapped: {menu: main_menu_short, choices: {1: trapped}, exhausted: count}
  count: {set: {times: 0}, then: enough}
  enough: {branch: [{when: times > 5, then: goodbye}, {else: trapped}]}
""")

    proof = prove(flow, SIGNATURES)

    assert proof.assumed == ("flows/test.yaml:9:26: 'account.data_used > account.data_total' may hold or not",)
    found = refuted(proof, "no-dead-end")
    assert not found.happens
    assert found.untold == ("it was assumed that flows/test.yaml:9:26: 'account.data_used > account.data_total' may hold or not",)
    assert conversation_of(found).steps[-1].kind == "line_ends"


def test_the_callers_number_is_tried_where_a_condition_reads_it():
    flow = flow_of("""
  main: {branch: [{when: 'call.caller_id.startsWith("100")', then: lonely}, {else: leave}]}
  lonely: {menu: main_menu_short, choices: {1: goodbye}, exhausted: goodbye}
""")

    found = refuted(prove(flow, SIGNATURES), "help-in-reach")

    assert found.happens
    assert found.places[-1].node == "lonely"
    assert conversation_of(found).caller.startswith("100")


def test_a_condition_on_a_typed_number_is_tried_on_both_sides():
    flow = flow_of("""
  main: {collect: main_menu, as: number, min: 1, max: 4, then: sort, exhausted: leave}
  sort: {branch: [{when: 'size(number) == 3', then: trapped}, {else: leave}]}
  trapped: {menu: main_menu_short, choices: {1: trapped}, exhausted: count}
  count: {set: {times: 0}, then: enough}
  enough: {branch: [{when: times > 5, then: goodbye}, {else: trapped}]}
""")

    proof = prove(flow, SIGNATURES)

    assert proof.assumed == ()
    assert refuted(proof, "no-dead-end").steps == ('press: "555#"',)


def test_a_calculation_that_can_fail_is_assumed_to_fail_or_not():
    """Volumes below nothing cannot be said, and nothing can be divided by nothing: the call then goes to `on_failure`."""
    flow = flow_of(
        """
  main: {lookup: account, with: {number: call.caller_id}, not_found: leave, then: tell}
  tell: {say: "还剩{{ account.data_total - account.data_used | volume }}", then: share}
  share: {set: {share: account.balance / account.balance}, then: sort}
  sort: {branch: [{when: share > 3, then: leave}, {else: leave}]}
  trouble: {menu: main_menu_short, choices: {1: goodbye}, exhausted: goodbye}
""",
        tail=TAIL.replace("  trouble: {say: sorry_trouble, then: leave}\n", ""),
    )

    proof = prove(flow, SIGNATURES)

    assert proof.assumed == (
        "flows/test.yaml:9:21: 'account.data_total - account.data_used' may fail or not",
        "flows/test.yaml:10:24: 'account.balance / account.balance' may fail or not",
        "flows/test.yaml:11:26: 'share > 3' may hold or not",
    )
    assert refuted(proof, "help-in-reach").places[-1].node == "trouble"


@pytest.mark.parametrize("kind", ["ordinal", "count"])
def test_a_number_that_is_spoken_as_a_place_or_a_count_may_be_none(kind: str):
    """A look-up may answer 0.5, which cannot be said so: the call then goes to `on_failure`."""
    flow = flow_of(
        f"""
  main: {{lookup: bundles, with: {{number: call.caller_id}}, then: tell}}
  tell: {{say: "{{{{ bundles.count | {kind} }}}}", then: leave}}
  trouble: {{menu: main_menu_short, choices: {{1: goodbye}}, exhausted: goodbye}}
""",
        tail=TAIL.replace("  trouble: {say: sorry_trouble, then: leave}\n", ""),
    )

    proof = prove(flow, SIGNATURES)

    assert [assumed.partition(": ")[2] for assumed in proof.assumed] == ["'bundles.count' may fail or not"]
    assert refuted(proof, "help-in-reach").untold


@pytest.mark.parametrize(
    ("nodes", "steps"),
    [
        ("main: {menu: main_menu, choices: {1: leave}, exhausted: leave}", ("line_fails",)),
        ("main: {collect: main_menu, as: number, min: 2, max: 4, then: leave, exhausted: leave}", ("line_fails",)),
        ("main: {transfer: agents, then: leave, unanswered: leave}", ("line_fails",)),
        ("main: {goto: leave}", ("line_fails",)),
    ],
)
def test_a_way_that_begins_with_a_failure_of_the_line_is_told_in_a_conversation(nodes: str, steps: tuple[str, ...]):
    tail = TAIL.replace("{say: sorry_trouble, then: leave}", "{menu: main_menu_short, choices: {1: goodbye}, exhausted: goodbye}")
    flow = flow_of(f"  {nodes}\n", tail=tail.replace("message: leave_message", "message: 请留言"))

    found = refuted(prove(flow, SIGNATURES), "help-in-reach")

    assert found.steps == steps
    assert found.places[-1].node == "trouble"
    assert found.happens
    assert held(flow, found).problem is None


@pytest.mark.parametrize(
    ("then", "steps"),
    [("answered", ("answered",)), ("unanswered", ("unanswered",)), ("kept", ("leave_message",)), ("not_kept", ("leave_nothing",))],
)
def test_what_happens_at_a_person_and_a_message_is_told_in_a_conversation(then: str, steps: tuple[str, ...]):
    """Each way leads to an empty promise, or to a menu without end after the message."""
    ends = dict.fromkeys(("answered", "unanswered", "kept"), "goodbye") | {then: "trapped"}
    nodes = f"main: {{transfer: agents, then: {ends['answered']}, unanswered: {ends['unanswered']}}}"
    if then in ("kept", "not_kept"):
        nodes = "main: {message: 请留言, topic: x, kept: message_kept, saved: message_saved, too_short: message_too_short,"
        nodes += " not_kept: message_not_kept, then: trapped}"
    trap = TRAP.replace("main: {menu: main_menu, choices: {1: trapped, 2: leave}, exhausted: leave}", "unused: {goto: leave}")
    flow = flow_of(f"  {nodes}\n{trap}")

    found = refuted(prove(flow, SIGNATURES), "no-dead-end")

    assert found.steps in (steps, ("leave_message",))
    assert found.places[-1].node == "trapped"
    assert "line_ends" in str(held(flow, found).problem)


def test_values_are_written_as_conversations_read_them():
    """A trap behind one value of each kind that a condition can ask about."""
    conditions = ["account.plan == 'A'", "account.data_left > 1000", "account.senior", "account.balance == 2.5", "account.number == '77'"]
    for condition in conditions:
        flow = flow_of(f"""
  main: {{lookup: account, with: {{number: call.caller_id}}, not_found: leave, then: sort}}
  sort: {{branch: [{{when: "{condition}", then: lonely}}, {{else: leave}}]}}
  lonely: {{menu: main_menu_short, choices: {{1: goodbye}}, exhausted: goodbye}}
""")

        found = refuted(prove(flow, SIGNATURES), "help-in-reach")

        assert found.happens
        assert held(flow, found).problem is None
        assert found.places[-1].node == "lonely"
        assert conversation_of(found).answers["account"] is not None


def test_a_search_that_is_cut_short_proves_nothing():
    flow = flow_of("  main: {menu: main_menu, choices: {1: leave}, exhausted: leave}\n")

    proof = prove(flow, SIGNATURES, limit=3)

    assert not proof.complete
    assert not proof.proved
    assert {one.verdict for one in proof.properties} == {Verdict.UNDECIDED}


# --- nothing that can happen is missed ----------------------------------------------------------------------------

MAZE = flow_of(
    """
  main: {menu: main_menu, choices: {1: numbers, 2: other, 31: form, 3: bill}, exhausted: leave}
  numbers: {menu: main_menu, choices: {1: other, 2: form, 4: look_up}, exhausted: other}
  other: {menu: main_menu, choices: {1: numbers, 2: look_up, 5: english}, tries: 2, exhausted: leave}
  form: {collect: main_menu, as: number, min: 2, max: 4, then: sort, exhausted: leave}
  sort: {branch: [{when: 'number.startsWith("55")', then: look_up}, {else: numbers}]}
  look_up: {lookup: account, with: {number: call.caller_id}, not_found: other, failed: numbers, then: count}
  count: {set: {poor: account.balance < 5, copied: account.balance}, then: tell}
  tell: {branch: [{when: poor && copied > 0, then: other}, {when: account.senior, then: bill}, {else: numbers}]}
  bill: {call: bill, then: english}
  english: {set: {language: en-US}, then: main}
""",
    head=HEAD.replace("[zh-CN]", "[zh-CN, en-US]") + 'universals: {"*": back, "9": repeat, "0": leave}\n',
    tail=TAIL
    + """
subflows:
  bill:
    start: ask
    nodes:
      ask: {menu: main_menu, choices: {1: look_up, 2: end}, exhausted: end}
      look_up: {lookup: bill, with: {number: call.caller_id}, not_found: end, failed: end, then: tell}
      tell: {say: bill_total, then: end}
      end: {return: }
""",
)


def coarse(state: CallState) -> object:
    return state.phase, state.node, state.language, state.returns, state.hung_up, bool(state.references), bool(state.keys or state.partial)


def random_call(flow: Flow, search: Search, dice: random.Random) -> Iterator[CallState]:
    """A call of real events with whole answers, keys pressed ahead by the handful, and `back` to wherever it really leads."""
    step = advance(flow, CallState(), CallStarted(NOON, SESSION, "13900001008", flow.name))
    for _ in range(60):
        yield step.state
        if step.command is None:
            return
        event = dice.choice([event for event, _ in search.happening.events(step.state, step.command)])
        if isinstance(event, LookupAnswered) and isinstance(event.answer, Answer):
            witnessed = search._known.lookups[event.answer.decisions.source]
            event = replace(event, answer=event.answer.whole({path: dice.choice(values) for path, values in witnessed.values.items()}))
        step = advance(flow, step.state, event)


@pytest.mark.parametrize("flow", [MAZE], ids=["maze"])
def test_no_random_call_comes_to_a_state_that_was_not_explored(flow: Flow):
    """The search forgets what it may: histories, old values. A call that remembers everything never leaves what it has seen."""
    search = Search(abstract(flow, SIGNATURES), advance, lambda happened: (), 100_000)
    search.run()
    explored = {coarse(seen.state) for seen in search.seen}
    dice = random.Random(20260305)

    met = {coarse(state) for _ in range(3000) for state in random_call(flow, search, dice) if not state.over}

    assert search.complete
    assert not met - explored
    assert len(met) > 0.6 * len(explored)


# --- the verb -----------------------------------------------------------------------------------------------------


def test_the_verb_proves_the_shipped_flow():
    said = ivr("prove", "flows/1008611.yaml")

    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("flows/1008611.yaml: ")
    assert f"  proved    no-dead-end: {SENTENCES['no-dead-end']}\n" in said.stdout


def test_the_verb_shows_the_shortest_call_and_fails(tmp_path: Path):
    (tmp_path / "trap.yaml").write_text(f"{HEAD}nodes:{TRAP}{TAIL}", encoding="utf-8")

    said = ivr("prove", str(tmp_path / "trap.yaml"))

    assert said.returncode == 1
    assert "  refuted   no-dead-end: " in said.stdout
    assert "            the way there:\n" in said.stdout
    assert '                    - press: "1"\n' in said.stdout


def test_programs_get_the_same_as_json(tmp_path: Path):
    (tmp_path / "trap.yaml").write_text(f"{HEAD}nodes:{TRAP}{TAIL}", encoding="utf-8")

    told = json.loads(ivr("prove", "--format", "json", str(tmp_path / "trap.yaml")).stdout)["flows"][0]

    assert not told["proved"]
    found = {one["name"]: one for one in told["properties"]}["no-dead-end"]
    assert found["verdict"] == "refuted"
    assert found["refutation"]["steps"] == ['press: "1"']
    assert found["refutation"]["conversation"].startswith('flow: "../trap.yaml"\n')


def test_a_flow_with_errors_is_not_proved_but_its_errors_are_told(tmp_path: Path):
    (tmp_path / "broken.yaml").write_text(f"{HEAD}nodes:\n  main: {{goto: nowhere}}\n{TAIL}", encoding="utf-8")

    said = ivr("prove", str(tmp_path / "broken.yaml"))

    assert said.returncode == 1
    assert "no node named 'nowhere'" in said.stderr


def test_the_guide_says_what_is_proved():
    guide = (HOME / "docs" / "flows.md").read_text(encoding="utf-8")

    for name, sentence in SENTENCES.items():
        assert f"| `{name}` | {sentence} |" in guide
