"""Speech in the designer's tools: conversations, coverage, the proof, the try-out, drawings, `why`, and a real call as a conversation."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.calls.journal import entry
from ivr.calls.sealing import Sealing, unsealed
from ivr.core.events import CallerHungUp, CallStarted, DigitsEntered, Event, Hypothesis, SpeechHeard, SpeechUnavailable
from ivr.core.flow import Flow
from ivr.core.interpreter import advance
from ivr.core.state import CallState
from ivr.tools.conversations import NOON, read_script
from ivr.tools.coverage import Coverage, cover
from ivr.tools.differences import differences
from ivr.tools.flowtest import Outcome, run
from ivr.tools.flowtest import told as told_outcome
from ivr.tools.graph import draw
from ivr.tools.modelcheck import Verdict, prove
from ivr.tools.prompts import needed
from ivr.tools.replay import PastCall
from ivr.tools.retold import conversation_of
from ivr.tools.simulate import NotUnderstood, TryOut, no_answers
from ivr.tools.why import tell
from tests.conftest import CATALOGUE, load

SESSION = "70e1558d-60fb-43b1-868d-1ee334875400"
TEXT = """selfline: 1
line: "2000"
languages: [zh-CN]
start: main
on_failure: trouble
universals: {"9": {then: repeat, say: 重听}}
speech: {did_you_mean: "您是说{{ heard | text }}吗？", use_keys: 请使用按键。}
defaults: {exhausted: leave, nomatch: 没有听懂。}
nodes:
  main:
    menu: 请说您要什么。
    choices: {1: {then: balance, say: [查话费, 话费]}, 2: {then: number, say: 查号}}
  balance: {say: 余额很多。, then: main}
  number: {collect: 请说号码。, as: number, min: 3, max: 11, spoken: true, confirm: "{{ number | digits }}，对吗？", then: main}
  trouble: {say: sorry_trouble, then: leave}
  leave: {message: leave_message, topic: callback, kept: message_kept, saved: message_saved, too_short: message_too_short,
    not_kept: message_not_kept, then: goodbye}
  goodbye: {hangup: goodbye}
"""


def flow_of(text: str = TEXT) -> Flow:
    loaded = load(text, "flows/2000.yaml")
    assert loaded.flow is not None, loaded.problems
    return loaded.flow


FLOW = flow_of()


def outcome(*steps: str) -> Outcome:
    text = f"flow: 2000.yaml\nconversations:\n  - name: one\n    steps: [{', '.join(steps)}]\n"
    script, problems = read_script(text, "t.yaml", SIGNATURES)
    assert script is not None, problems
    return run(FLOW, script.conversations[0], no_answers)


def covered(outcomes: Iterable[Outcome]) -> Coverage:
    return cover(FLOW, (one.passages for one in outcomes))


# --- conversations ---


@pytest.mark.parametrize(
    "steps",
    [
        ("say: 话费", "hears: 余额很多"),
        ("say: ' 话 费。'", "hears: 余额很多"),
        ("say: 天气", "hears: 没有听懂"),
        ("say_unclearly: 话费", "hears: 您是说查话费吗", "say: 是的", "hears: 余额很多"),
        ("say_unclearly: 话费", "press: '2'", "hears: 没有听懂"),
        ("say_unclearly: 话费 / 查号", "say: 不是", "hears: 您是说查号吗", "say: 是", "hears: 请说号码"),
        ("nobody_listens", "hears: 请使用按键。请说您要什么", "press: '1'", "hears: 余额很多"),
        ("say: 查号", "say: '13900001008'", "hears: 幺三九零零零零幺零零八", "say: 对", "hears: 请说您要什么"),
        ("say: 查号", "say: 我的号码是幺三九四个零幺零零八", "hears: 幺三九零零零零幺零零八", "say: 对"),
        ("say: 查号", "say: 一百二", "hears: 没有听懂"),
        ("say: 重听", "hears: 请说您要什么"),
    ],
    ids=lambda steps: steps[0],
)
def test_a_conversation_has_a_caller_who_speaks(steps: tuple[str, ...]):
    assert outcome(*steps).problem is None


def test_what_the_caller_says_is_in_the_transcript():
    lines = list(told_outcome(outcome("say_unclearly: 话费", "hang_up")))

    assert [line.split("  ")[-1] for line in lines if "  caller  " in line] == ["says unclearly '话费'", "hangs up"]


def test_nobody_can_speak_where_the_line_does_not_listen():
    problem = outcome("nobody_listens", "say: 话费").problem

    assert problem is not None
    assert str(problem) == (
        "t.yaml:4:34: error: the line does not listen at 'main' (flows/2000.yaml:10), so the caller cannot do 'say' here  [conversation]"
    )


def test_something_that_nothing_fits_cannot_be_said_unclearly():
    problem = outcome("say_unclearly: 天气").problem

    assert problem is not None
    assert problem.sentence == (
        "'天气' is nothing that the line listens for at 'main' (flows/2000.yaml:10); that is: '查话费', '话费', '查号', '重听'"
    )


# --- coverage ---


def test_phrases_and_what_is_asked_about_them_are_covered():
    before = covered([])
    after = covered(
        [
            outcome("say: 话费", "say_unclearly: 重听", "press: '1'", "hang_up"),
            outcome("say: 查号", "say: '12345'", "press: '1'", "nobody_listens", "hang_up"),
        ]
    )

    missing = {str(one).partition(": ")[2] for one in before.missing()} - {str(one).partition(": ")[2] for one in after.missing()}
    assert {one for one in missing if "said" in one or "speech" in one} == {
        "nobody said 查话费 at 'main': there, `say: 查话费`",
        "nobody said 查号 at 'main': there, `say: 查号`",
        "nobody said digits at 'number': there, `say: digits`",
        "nobody said 重听 (everywhere): at any menu, `say: 重听`",
        "nobody was asked to use the keys (speech): where something may be said, `nobody_listens`",
        "nobody was asked whether they meant what was heard (speech): where something may be said, `say_unclearly: …`",
    }


def test_yes_and_no_belong_to_no_choice():
    counts = covered([outcome("press: '2'", "press: '12345'", "say: 对", "hang_up")]).counts

    assert not any(count for edge, count in counts.items() if edge.kind.value == "phrases")


# --- the proof ---


def test_a_line_that_listens_is_proved():
    proof = prove(FLOW, SIGNATURES)

    assert {one.verdict for one in proof.properties} == {Verdict.PROVED}


def test_what_goes_wrong_only_by_voice_is_found_and_shown_as_a_conversation():
    trapped = TEXT.replace('"您是说{{ heard | text }}吗？"', "message_kept")

    proof = prove(flow_of(trapped.replace("message_kept", "message_saved", 1)), SIGNATURES)

    found = next(one for one in proof.properties if one.verdict is Verdict.REFUTED)
    assert found.name == "promise-has-ticket"
    assert found.refutation is not None
    assert "say_unclearly: " in found.refutation.conversation


# --- the try-out ---


@pytest.fixture
def tried() -> TryOut:
    tried = TryOut(FLOW, "13900001008", no_answers, lambda: NOON)
    tried.begin()
    return tried


def test_a_flow_is_tried_out_by_voice(tried: TryOut):
    unclear = tried.do("unclearly 话费")
    taken = tried.do("say 是")

    assert unclear.said == ("您是说查话费吗？",)
    assert unclear.way == ("  '话费' (0.55), not sure → 1",)
    assert taken.said == ("余额很多。请说您要什么。",)


def test_a_deaf_line_is_tried_out(tried: TryOut):
    screen = tried.do("deaf")

    assert screen.said == ("请使用按键。请说您要什么。",)
    assert screen.ask.startswith("keys (12#), Enter for silence")
    with pytest.raises(NotUnderstood, match="the line does not listen here"):
        tried.do("say 话费")


def test_what_can_be_said_is_told_where_the_line_listens(tried: TryOut):
    assert tried.help.startswith("keys (12#), say WORDS, unclearly WORDS, deaf (nobody can listen), ")
    with pytest.raises(NotUnderstood, match="that can be typed here; did you mean 'deaf'"):
        tried.do("daef")


# --- real calls ---

CALL: tuple[Event, ...] = (
    CallStarted(NOON, SESSION, "13900001008", "2000"),
    SpeechHeard(NOON, (Hypothesis("话费", 0.52), Hypothesis("查号", 0.48))),
    SpeechHeard(NOON, (Hypothesis("不是", 0.9),)),
    SpeechHeard(NOON, (Hypothesis("是", 0.9),)),
    SpeechHeard(NOON, (Hypothesis("13900002222", 0.9),)),
    DigitsEntered(NOON, "1"),
    SpeechHeard(NOON),
    SpeechUnavailable(NOON, "gone"),
    CallerHungUp(NOON),
)


def entries_of(events: Iterable[Event]) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    sealing, state, asked = Sealing(FLOW), CallState(), None
    shown, sealed = [], []
    for number, event in enumerate(events):
        at = NOON + dt.timedelta(seconds=number)
        step = advance(FLOW, state, event)
        shown.append(json.loads(json.dumps(entry(event, asked, step))) | {"at": at.isoformat()})
        sealed.append(json.loads(json.dumps(sealing.seal(event, asked, step))))
        state, asked = step.state, step.command
    return shown, sealed


def test_why_tells_what_was_heard_and_how_surely():
    shown, _ = entries_of(CALL)

    told = "\n".join(tell(shown))

    assert "the caller says '话费' (0.52) or '查号' (0.48)" in told
    assert "'话费' stands for key 1, not sure: asks whether that was meant" in told
    assert "the caller says '*******2222' (0.9)" in told
    assert "the caller says something that nothing fits" in told
    assert "nobody can listen: gone" in told
    assert "only keys are asked for from here on" in told


def test_the_sealed_journal_has_what_a_replay_needs():
    _, sealed = entries_of(CALL)

    assert unsealed(sealed) == CALL


def test_a_real_call_becomes_a_conversation_that_holds():
    shown, sealed = entries_of(CALL)
    spoken = tuple(one.get("spoken", ()) for one in sealed)
    text = conversation_of(FLOW, PastCall(SESSION, "2000@1", tuple(shown), CALL, spoken, None), SIGNATURES, "2000.yaml")
    script, problems = read_script(text, "t.yaml", SIGNATURES)
    assert script is not None, problems

    held = run(FLOW, script.conversations[0], no_answers)

    assert held.problem is None
    assert 'say_unclearly: "话费 / 查号"' in text
    assert "13900002222" not in text
    assert "nobody_listens" in text


# --- recordings, drawings, versions ---


def test_the_names_of_choices_are_recorded():
    pieces = needed(CATALOGUE, [FLOW])["zh-CN"]

    assert {"查话费", "查号", "重听"} <= set(pieces)
    assert "话费" not in pieces


def test_a_drawing_shows_what_may_be_said():
    labels = {arrow.label for arrow in draw(FLOW).arrows}

    assert any("“查话费”" in label for label in labels)


def test_a_new_phrase_and_another_threshold_are_differences():
    new = flow_of(TEXT.replace("[查话费, 话费]", "[查话费, 余额]").replace("speech: {", "speech: {sure: 0.9, "))

    told = "\n".join(map(str, differences(FLOW, new)))

    assert "speech: sure: 0.9" in told
    assert "phrases zh-CN: 查话费: 1, 余额: 1, 查号: 2" in told
