"""Look-ups, messages, transfers, sub-flows and languages, as a caller meets them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from ivr.core.commands import Lookup, Release, TakeMessage, Transfer
from ivr.core.evaluation import EvaluationFailed
from ivr.core.events import BUSY, CALLBACK, NOBODY
from ivr.core.expressions import parse
from ivr.core.flow import Flow, HangsUp, Prompt, Say, Slot, prompts_of, targets
from ivr.core.marks import Mark
from ivr.core.notes import ConditionHeld, NodeEntered, StepFailed, TicketPromised
from ivr.core.rendering import render
from ivr.core.state import CallState, Disposition, Phase
from ivr.core.values import Kind, SpokenValue, Text
from ivr.errors import UnexpectedEvent
from tests.core.phone import NOON, Phone, compiled, said

FLOW = compiled(
    """
  hello:
    lookup: account
    with: {number: call.caller_id}
    comfort: <<One moment.>>
    not_found: nobody
    failed: broken
    then: tell
  tell:
    branch:
      - {when: account.balance < 0, then: owing}
      - {when: account.senior, then: senior}
      - {else: fine}
  owing: {say: <<You owe {{ -account.balance | money }}.>>, then: main}
  senior: {say: <<Press zero for a person.>>, then: main}
  fine: {say: <<You have {{ account.balance | money }}.>>, then: main}
  nobody: {say: <<Who are you?>>, then: leave}
  broken: {say: <<Not now.>>, then: leave}
  main: {menu: <<Main.>>, choices: {1: leave, 2: person, 3: text}, exhausted: leave}
  text: {sms: <<See you.>>, then: bye}
  person: {transfer: agents, announce: <<Connecting.>>, ring_time: 15s, then: bye, unanswered: busy}
  busy: {say: <<All busy.>>, then: leave}
  leave:
    message: <<Speak after the tone.>>
    topic: callback
    max_length: 2min
    kept: <<Your number is {{ ticket.reference | digits }}.>>
    saved: <<Saved.>>
    too_short: <<We heard nothing.>>
    not_kept: <<No messages now.>>
    then: bye
""",
    "start: hello",
)
ACCOUNT = {"balance": Decimal("35.62"), "senior": False}


@pytest.fixture
def phone() -> Phone:
    return Phone(FLOW)


@pytest.fixture
def served() -> Phone:
    return Phone(FLOW).is_answered(ACCOUNT)


# --- look-ups ---


def test_a_look_up_carries_its_arguments_and_its_comfort(phone: Phone):
    assert phone.looked_up.name == "account"
    assert phone.looked_up.arguments == {"number": "13900001008"}
    assert phone.looked_up.deadline == dt.timedelta(seconds=4)
    assert phone.looked_up.comfort is not None
    assert said(phone.looked_up.comfort) == "One moment."


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (ACCOUNT, "You have <money 35.62> . Main."),
        ({"balance": Decimal("-20.50"), "senior": False}, "You owe <money 20.50> . Main."),
        ({"balance": Decimal(1), "senior": True}, "Press zero for a person. Main."),
        (None, "Who are you? Speak after the tone."),
    ],
)
def test_the_answer_decides_what_is_said(phone: Phone, answer: dict[str, object] | None, heard: str):
    assert phone.is_answered(answer).hears == heard  # type: ignore[arg-type]


def test_a_branch_notes_the_condition_that_held(served: Phone):
    assert ConditionHeld("tell", None, "fine") in served.step.notes
    assert [note.node for note in served.step.notes if isinstance(note, NodeEntered)] == ["tell", "fine", "main"]


def test_a_failing_look_up_goes_where_it_says(phone: Phone):
    assert phone.meets_failure("deadline").hears == "Not now. Speak after the tone."
    assert phone.step.notes[0] == StepFailed("hello", "deadline", "broken")


def test_a_look_up_without_its_own_way_out_goes_to_on_failure():
    phone = Phone(compiled("\n  hello: {lookup: bundles, with: {number: call.caller_id}, then: bye}\n"))

    assert phone.meets_failure("back_office").hears == "Sorry. Goodbye."


def test_an_answer_that_nobody_expected_to_be_missing_is_a_failure():
    phone = Phone(compiled("\n  hello: {lookup: bundles, with: {number: call.caller_id}, then: bye}\n"))

    assert phone.is_answered(None).step.notes[0] == StepFailed("hello", "not_found", "sorry")


def test_an_answer_without_a_field_is_a_failure_and_never_silence(phone: Phone):
    assert phone.is_answered({"balance": Decimal(5)}).hears == "Sorry. Goodbye."
    assert phone.state.disposition is Disposition.FAILED


def test_an_argument_that_cannot_be_computed_is_a_failure():
    phone = Phone(
        compiled(
            "\n  hello: {say: <<Hi.>>, then: part}\n  part: {set: {x: 0}, then: jump}\n  jump: {goto: look}\n"
            "  look: {lookup: bundles, with: {number: 'size(call.dialled) / x > 1 ? call.dialled : call.caller_id'}, then: bye}\n"
        )
    )

    assert phone.listens().hears == "Sorry. Goodbye."
    assert phone.step.notes[0] == StepFailed("look", "expression", "sorry")


def test_a_withheld_number_cannot_be_spoken_and_says_so():
    phone = Phone(compiled("\n  hello: {say: <<You are {{ call.caller_id | digits }}.>>, then: bye}\n"), caller_id="")

    assert phone.hears == "Sorry. Goodbye."


# --- failures ---


def test_a_prompt_that_cannot_be_played_leads_to_on_failure(served: Phone):
    assert served.meets_failure("audio").hears == "Sorry. Goodbye."


def test_a_call_in_which_everything_fails_is_given_up_so_that_the_dialplan_rescues(served: Phone):
    for _ in range(3):
        assert served.meets_failure("audio").command is not None

    assert served.meets_failure("audio").command is None
    assert served.state.over
    assert served.state.disposition is Disposition.FAILED


def test_answers_of_the_back_office_do_not_hide_that_the_line_is_broken():
    flow = compiled(
        "\n  hello: {goto: again}\n"
        "  again: {lookup: bundles, with: {number: call.caller_id}, then: main}\n"
        "  main: {menu: <<Main.>>, choices: {1: bye}, exhausted: bye}\n"
        "  oops: {say: <<Oops.>>, barge_in: false, then: again2}\n"
        "  again2: {menu: <<Main.>>, choices: {1: again}, exhausted: bye}\n"
    )
    looping = Flow(flow.name, flow.mark, flow.languages, "again", flow.nodes, flow.universals, "again", None, flow.variables)
    phone = Phone(looping)

    for _ in range(4):
        assert phone.is_answered({}).command is not None
        phone.meets_failure("audio")

    assert phone.command is None


def test_something_that_works_ends_a_row_of_failures(served: Phone):
    assert served.meets_failure("audio").meets_failure("audio").state.trouble == 2

    assert served.listens().state.trouble == 0


def test_a_release_that_fails_ends_the_call_all_the_same():
    phone = Phone(compiled("\n  hello: {hangup: }\n"))
    assert isinstance(phone.command, Release)

    assert phone.meets_failure("channel").command is None


def test_nodes_that_go_round_without_a_command_are_stopped():
    mark = Mark("flow", 1, 1)
    nodes = {"a": Say("a", mark, (), "b", True), "b": Say("b", mark, (), "a", True)}

    phone = Phone(Flow("f", mark, ("en-US",), "a", nodes, {}, "a", None, {}))

    assert phone.command is None
    assert phone.state.over


def test_an_on_failure_that_fails_itself_is_given_up():
    mark = Mark("flow", 1, 1)
    broken = Prompt("p", {"en-US": (Slot(parse("nothing"), Kind.TEXT),)})

    phone = Phone(Flow("f", mark, ("en-US",), "a", {"a": Say("a", mark, (broken,), "a", True)}, {}, "a", None, {}))

    assert phone.command is None


# --- messages ---


def test_a_message_is_invited_taken_and_promised(served: Phone):
    served.presses("1")
    assert served.hears == "Speak after the tone."

    served.listens()
    assert served.command == TakeMessage("leave", 1, "callback", "en-US", dt.timedelta(minutes=2), dt.timedelta(seconds=5))

    served.leaves_a_message("481625")
    assert served.hears == "Your number is <digits 481625> . Goodbye."
    assert served.step.notes[0] == TicketPromised("leave", "481625")
    assert served.state.disposition is Disposition.TICKET_OPENED
    assert isinstance(served.listens().command, Release)
    assert served.is_released().command is None


def test_a_message_without_a_reference_yet_is_promised_without_one(served: Phone):
    assert served.presses("1").listens().leaves_a_message(None).hears == "Saved. Goodbye."
    assert served.state.disposition is Disposition.TICKET_OPENED


@pytest.mark.parametrize(
    ("reason", "heard"), [("too_short", "We heard nothing."), ("disk_full", "No messages now."), ("storage", "No messages now.")]
)
def test_no_message_no_promise(served: Phone, reason: str, heard: str):
    assert served.presses("1").listens().leaves_none(reason).hears == f"{heard} Goodbye."
    assert served.state.references == ()
    assert served.state.disposition is Disposition.ABANDONED


@pytest.mark.parametrize("kept", [True, False])
def test_hanging_up_ends_a_message_and_the_call(served: Phone, kept: bool):
    served.presses("1").listens()
    served = served.leaves_a_message(hung_up=True) if kept else served.leaves_none(hung_up=True)

    assert served.command is None
    assert served.state.disposition is (Disposition.TICKET_OPENED if kept else Disposition.ABANDONED)


def test_a_recording_that_breaks_leads_to_on_failure(served: Phone):
    assert served.presses("1").listens().meets_failure("recording").hears == "Sorry. Goodbye."


def test_messages_of_one_node_are_numbered():
    flow = compiled(
        "\n  hello: {message: <<Speak.>>, topic: t, kept: <<A.>>, saved: <<B.>>, too_short: <<C.>>, not_kept: <<D.>>, then: more}\n"
        "  more: {menu: <<More?>>, choices: {1: hello}, exhausted: bye}\n"
    )
    phone = Phone(flow).listens().leaves_a_message().presses("1").listens()

    assert isinstance(phone.command, TakeMessage)
    assert phone.command.count == 2


# --- transfers ---


def test_a_transfer_that_is_answered_ends_well(served: Phone):
    served.presses("2")
    assert served.hears == "Connecting."
    assert served.listens().command == Transfer("agents", dt.timedelta(seconds=15))

    assert served.talked(answered=True).hears == "Goodbye."
    assert served.state.disposition is Disposition.TRANSFERRED


def test_a_transfer_that_nobody_answers_offers_a_message(served: Phone):
    assert served.presses("2").listens().talked(answered=False).hears == "All busy. Speak after the tone."
    assert served.state.disposition is Disposition.ABANDONED  # if it ended now, whatever it was served with before


QUEUE = compiled(
    """
  hello: {menu: <<Main.>>, choices: {1: person, 2: other}, exhausted: bye}
  person:
    transfer: agents
    wait: 5min
    callback: hello
    kept: <<Your place is kept, number {{ ticket.reference | digits }}.>>
    saved: <<Your place is kept.>>
    busy: full
    nobody: closed
    unanswered: leave
    then: bye
  other: {transfer: agents, unanswered: leave, then: bye}
  full: {hangup: <<Full.>>}
  closed: {hangup: <<Closed.>>}
  leave: {hangup: <<Nobody answers.>>}
""",
    "start: hello",
)


def test_a_caller_may_wait_in_a_queue():
    phone = Phone(QUEUE).presses("1")

    assert phone.command == Transfer("agents", dt.timedelta(seconds=25), dt.timedelta(minutes=5), "en-US")
    assert phone.talked(answered=True).hears == "Goodbye."


@pytest.mark.parametrize(("reason", "hears"), [(BUSY, "Full."), (NOBODY, "Closed."), ("", "Nobody answers.")])
def test_why_nobody_could_be_had_decides_where_the_call_goes(reason: str, hears: str):
    assert Phone(QUEUE).presses("1").is_not_put_through(reason).hears == hears


@pytest.mark.parametrize("reason", [BUSY, NOBODY])
def test_where_a_flow_does_not_ask_why_nobody_answers(reason: str):
    assert Phone(QUEUE).presses("2").is_not_put_through(reason).hears == "Nobody answers."


@pytest.mark.parametrize(
    ("reference", "hears"), [("48", "Your place is kept, number <digits 48> . Main."), (None, "Your place is kept. Main.")]
)
def test_a_caller_who_asks_to_be_called_back_hears_the_promise_once_it_is_safe(reference: str | None, hears: str):
    phone = Phone(QUEUE).presses("1").is_not_put_through(CALLBACK, reference)

    assert phone.hears == hears
    assert phone.state.references == (reference,)
    assert phone.state.disposition is Disposition.TICKET_OPENED
    assert TicketPromised("person", reference) in phone.step.notes


def test_a_call_back_that_was_not_offered_cannot_have_been_asked_for():
    phone = Phone(QUEUE).presses("2")

    with pytest.raises(UnexpectedEvent):
        phone.is_not_put_through(CALLBACK, "48")


# --- hang-ups ---


def reach(phase: Phase) -> Phone:
    phone = Phone(FLOW)
    match phase:
        case Phase.LOOKING_UP:
            return phone
        case Phase.ASKING:
            return phone.is_answered(ACCOUNT)
        case Phase.SPEAKING:
            return phone.is_answered(None)
        case Phase.RECORDING:
            return phone.is_answered(None).listens()
        case Phase.TRANSFERRING:
            return phone.is_answered(ACCOUNT).presses("2").listens()
        case Phase.TEXTING:
            return phone.is_answered(ACCOUNT).presses("3")
        case _:
            return phone.is_answered(None).listens().leaves_a_message().listens()


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in (Phase.NEW, Phase.OVER)])
def test_a_caller_may_hang_up_at_any_time(phase: Phase):
    phone = reach(phase)
    assert phone.state.phase is phase

    assert phone.hangs_up().command is None
    assert phone.state.over


def test_a_caller_who_hangs_up_before_hearing_anything_abandoned_the_call(phone: Phone):
    assert phone.hangs_up().state.disposition is Disposition.ABANDONED


HANGUP = compiled(
    """
  hello: {menu: <<Main.>>, choices: {1: person, 2: inner}, exhausted: bye}
  inner: {call: sub, then: hello}
  person: {transfer: agents, then: bye, unanswered: bye}
  gone: {lookup: account, comfort: <<One moment.>>, with: {number: call.caller_id}, not_found: finish, then: note}
  note: {set: {seen: account.balance}, then: check}
  check:
    branch:
      - {when: seen > 0, then: finish}
      - {else: finish}
  finish: {hangup: }
""",
    "start: hello\non_hangup: gone",
    """subflows:
  sub:
    start: ask
    nodes:
      ask: {menu: <<Sub.>>, choices: {1: end}, exhausted: end}
      end: {return: }
""",
)


def test_after_a_hang_up_the_silent_part_of_the_flow_still_runs():
    phone = Phone(HANGUP).presses("2").hangs_up()
    assert isinstance(phone.command, Lookup)
    assert phone.command.comfort is None

    assert phone.is_answered({"balance": Decimal(5)}).command is None
    assert phone.state.variables["seen"] == 5


@pytest.mark.parametrize("ending", ["failure", "missing", "again"])
def test_after_a_hang_up_nothing_can_hold_the_call(ending: str):
    phone = Phone(HANGUP).hangs_up()

    match ending:
        case "failure":
            phone.meets_failure()
        case "missing":
            phone.is_answered(None)
        case _:
            phone.hangs_up()

    assert phone.command is None
    assert phone.state.over


def test_a_value_that_cannot_be_computed_after_a_hang_up_ends_the_call():
    assert Phone(HANGUP).hangs_up().is_answered({}).command is None


# --- sub-flows ---

SUBFLOWS = """subflows:
  who:
    start: ask
    nodes:
      ask: {collect: <<Number?>>, as: number, length: 2, then: sure, exhausted: /lost}
      sure: {menu: <<Sure?>>, choices: {1: end, 2: deep}, exhausted: end}
      deep: {call: help, then: sure}
      end: {return: {number: number}}
  help:
    start: text
    nodes:
      text: {say: <<Help.>>, then: end}
      end: {return: }
"""
CALLING = compiled(
    """
  hello: {menu: <<Main.>>, choices: {1: one, 2: two}, exhausted: bye}
  one: {call: who, as: caller, then: told}
  two: {call: who, then: second}
  told: {say: <<You are {{ caller.number | digits }}.>>, then: hello}
  second: {menu: <<Second.>>, choices: {1: one}, exhausted: bye}
  lost: {menu: <<Lost.>>, choices: {1: hello}, exhausted: bye}
""",
    'start: hello\nuniversals: {"*": back}',
    SUBFLOWS,
)


def test_a_sub_flow_comes_back_to_where_it_was_called_with_what_it_returns():
    phone = Phone(CALLING).presses("1")
    assert phone.hears == "Number?"

    assert phone.presses("42").presses("1").hears == "You are <digits 42> . Main."
    assert phone.state.returns == ()


def test_sub_flows_may_call_each_other():
    phone = Phone(CALLING).presses("1").presses("42").presses("2")

    assert phone.hears == "Help. Sure?"
    assert phone.state.returns == ("one",)


def test_star_goes_back_out_of_a_sub_flow_and_into_it_again():
    phone = Phone(CALLING).presses("1").presses("42")
    assert phone.presses("*").hears == "Number?"
    assert phone.presses("*").hears == "Main."
    assert phone.state.returns == ()

    phone.presses("2").presses("42").presses("1")
    assert phone.hears == "Second."
    assert phone.presses("*").hears == "Sure?"
    assert phone.presses("1").hears == "Second."


def test_the_same_sub_flow_from_two_places_keeps_both_ways_back():
    phone = Phone(CALLING).presses("2").presses("42").presses("1").presses("1")
    assert phone.hears == "Number?"

    assert phone.presses("*").hears == "Second."


def test_leaving_a_sub_flow_for_the_line_forgets_where_it_would_have_come_back():
    phone = Phone(CALLING).presses("1").is_silent().is_silent().is_silent()

    assert phone.hears == "Lost."
    assert phone.state.returns == ()


# --- languages and values ---


def test_the_language_changes_for_everything_that_follows_and_what_came_before_is_said_first():
    flow = compiled(
        "\n  hello: {say: <<Hello.>>, then: change}\n"
        "  change: {set: {language: zh-CN, x: 1}, then: main}\n"
        "  main: {menu: <<Main.>>, choices: {1: same}, exhausted: bye}\n"
        "  same: {say: <<Same.>>, then: again}\n"
        "  again: {set: {language: zh-CN, x: x + 1}, then: main}\n",
        'start: hello\nuniversals: {"9": repeat}',
    )
    phone = Phone(flow)
    assert (phone.hears, phone.state.language) == ("Hello.", "en-US")

    phone.listens()
    assert (phone.hears, phone.asked.utterance.language) == ("中Main.", "zh-CN")
    assert phone.presses("9").hears == "中Main."
    assert phone.presses("1").hears == "中Same. 中Main."
    assert phone.state.variables["x"] == 2
    assert phone.state.variables["language"] == "zh-CN"


def spoken(kind: Kind, value: object, text: str = "x") -> tuple[object, ...]:
    return render((Prompt("p", {"en-US": (Text("a"), Slot(parse(text), kind))}),), "en-US", {"x": value}, NOON.date())  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("kind", "value", "text", "said_as"),
    [
        (Kind.MONEY, Decimal("10"), "x / 3", Decimal("3.33")),
        (Kind.MONEY, Decimal("0.125"), "-x", Decimal("-0.13")),
        (Kind.MONEY, 7, "x", Decimal("7.00")),
        (Kind.NUMBER, Decimal(2), "x / 3", Decimal("0.666667")),
        (Kind.NUMBER, Decimal(1), "x / 4", Decimal("0.25")),
        (Kind.NUMBER, Decimal(5), "x * 100", Decimal(500)),
        (Kind.NUMBER, 3, "x", 3),
        (Kind.VOLUME, 5, "x / 2", 3),
        (Kind.VOLUME, 1024, "x", 1024),
        (Kind.ORDINAL, Decimal(2), "x + 1", 3),
        (Kind.COUNT, Decimal("4.0"), "x / 2", 2),
        (Kind.COUNT, 0, "x", 0),
        (Kind.TEXT, "a", 'x + "b"', "ab"),
    ],
)
def test_what_a_flow_calculates_is_brought_into_the_shape_in_which_it_is_spoken(kind: Kind, value: object, text: str, said_as: object):
    value_said = spoken(kind, value, text)[1]

    assert value_said == SpokenValue(kind, said_as)  # type: ignore[arg-type]
    assert isinstance(value_said, SpokenValue)
    assert type(value_said.value) is type(said_as)


def test_a_date_knows_the_day_of_the_call():
    assert spoken(Kind.DATE, dt.date(2026, 1, 1))[1] == SpokenValue(Kind.DATE, dt.date(2026, 1, 1), today=NOON.date())
    assert spoken(Kind.MONTH, dt.date(2026, 1, 1))[1] == SpokenValue(Kind.MONTH, dt.date(2026, 1, 1))


def test_a_volume_below_nothing_is_a_failure():
    phone = Phone(
        compiled(
            "\n  hello: {lookup: account, with: {number: call.caller_id}, not_found: bye, then: tell}\n"
            "  tell: {say: <<{{ account.data_left - account.data_used | volume }}>>, then: bye}\n"
        )
    )

    assert phone.is_answered({"data_left": 1, "data_used": 2}).hears == "Sorry. Goodbye."


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [(Kind.ORDINAL, 0, "x"), (Kind.ORDINAL, Decimal(3), "x / 2"), (Kind.COUNT, -1, "x"), (Kind.COUNT, Decimal("0.5"), "x")],
)
def test_a_place_before_the_first_and_a_count_that_is_not_whole_are_failures(kind: Kind, value: object, text: str):
    with pytest.raises(EvaluationFailed, match=f"{kind.value} of what is not whole, or too little"):
        spoken(kind, value, text)


# --- the model ---


def test_every_node_names_its_targets_and_its_prompts(quick_line: Flow):
    for node in (*quick_line.nodes.values(), *CALLING.nodes.values(), *HANGUP.nodes.values()):
        assert isinstance(targets(node), tuple)
        assert all(isinstance(prompt, Prompt) for prompt in prompts_of(node))
    assert targets(HangsUp("x", Mark("f", 1, 1), ())) == ()


def test_a_state_tells_whether_the_call_is_over():
    assert not CallState().over
    assert CallState(phase=Phase.OVER).over
    assert CallState().disposition is Disposition.ABANDONED
