"""A queue for a person in the tools of a designer: conversations, trying out, drafts compared, coverage, the proof."""

from __future__ import annotations

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow
from ivr.core.values import Value
from ivr.tools.conversations import NOON, read_script
from ivr.tools.coverage import cover, report
from ivr.tools.differences import differences
from ivr.tools.flowtest import Outcome, run
from ivr.tools.modelcheck import Verdict, prove
from ivr.tools.simulate import HELP, NotUnderstood, TryOut
from tests.conftest import load

FLOW = """\
selfline: 1
line: "test"
languages: [zh-CN]
start: main
on_failure: goodbye
nodes:
  main: {menu: 请按一。, choices: {1: person, 2: other}, exhausted: goodbye, noinput: noinput, nomatch: nomatch}
  person:
    transfer: agents
    wait: 5min
    callback: goodbye
    kept: callback_kept
    saved: callback_saved
    busy: full
    nobody: closed
    unanswered: leave
    then: goodbye
  other: {transfer: agents, unanswered: leave, then: goodbye}
  full: {hangup: all_busy}
  closed: {hangup: nobody_there}
  leave: {hangup: 没有人接听。}
  goodbye: {hangup: goodbye}
"""
STEPS = {
    "answered": "再见",
    "unanswered": "没有人接听",
    "busy": "座席全忙",
    "nobody": "没有客服人员在线",
    "callback": "您的受理编号是四八幺六二五",
    "callback_saved": "您的排队位置已经保留",
}


def flow_of(text: str = FLOW) -> Flow:
    loaded = load(text)
    assert loaded.flow is not None, [str(problem) for problem in loaded.problems]
    return loaded.flow


def held(steps: str, more: str = "") -> Outcome:
    text = f"flow: test.yaml\nconversations:\n  - name: one\n    steps: [{steps}]\n{more}"
    script, problems = read_script(text, "t.yaml", SIGNATURES)
    assert script is not None, problems
    return run(flow_of(), script.conversations[0], nothing)


def nothing(name: str, arguments: object) -> Value:
    return None


@pytest.mark.parametrize("step", STEPS)
def test_a_conversation_says_how_a_wait_ends(step: str):
    outcome = held(f'press: "1", {step}, hears: {STEPS[step]}', f"    ticket: {'callback' if 'callback' in step else 'none'}\n")

    assert outcome.problem is None


def test_a_call_back_cannot_be_asked_for_where_nobody_waits():
    problem = held('press: "2", callback').problem

    assert problem is not None
    assert problem.sentence == "no call back is offered at 'other' (flows/test.yaml:18), so the caller cannot do 'callback' here"


def test_coverage_names_the_ways_out_of_a_queue_that_nobody_took():
    outcomes = [held('press: "1", answered').passages]

    told = [line for line in report(cover(flow_of(), outcomes)) if "'person'" in line and "came to" not in line]

    assert [line.partition(": ")[2] for line in told] == [
        "nobody remained unanswered at 'person': there, `unanswered`",
        "nobody asked to be called back at 'person': there, `callback`",
        "nobody found everybody talking at 'person': there, `busy`",
        "nobody found nobody there at 'person': there, `nobody`",
    ]


@pytest.mark.parametrize(
    ("typed", "said"), [("yes", "再见"), ("no", "没有人接听"), ("busy", "全忙"), ("nobody", "在线"), ("1", "受理编号")]
)
def test_a_wait_can_be_tried_out(typed: str, said: str):
    tried = TryOut(flow_of(), "13900001008", nothing, lambda: NOON)
    tried.begin()

    assert tried.do("1").ask == HELP["queue"]
    assert said in tried.do(typed).said[-1]


def test_no_call_back_can_be_asked_for_where_it_only_rings():
    tried = TryOut(flow_of(), "13900001008", nothing, lambda: NOON)
    tried.begin()
    tried.do("2")

    with pytest.raises(NotUnderstood):
        tried.do("1")


def test_a_queue_that_has_become_another_one_is_told_as_callers_notice_it():
    changed = FLOW.replace("wait: 5min", "wait: 10min").replace("busy: full", "busy: leave")

    (change,) = [one for one in differences(flow_of(), flow_of(changed)) if one.node == "person"]

    assert change.lines == (
        "when everybody is talking goes to: leave",
        "  was: full",
        "waits in the queue: 600 s",
        "  was: 300 s",
    )


def test_the_proof_knows_every_way_out_of_a_queue():
    assert all(one.verdict is Verdict.PROVED for one in prove(flow_of(), SIGNATURES).properties)


@pytest.mark.parametrize("end", ["busy", "nobody", "unanswered"])
def test_a_promise_without_a_call_back_is_refuted(end: str):
    target = {
        "busy": "full: {hangup: all_busy}",
        "nobody": "closed: {hangup: nobody_there}",
        "unanswered": "leave: {hangup: 没有人接听。}",
    }[end]
    lying = FLOW.replace(target, target.partition(":")[0] + ": {hangup: callback_saved}")

    proof = prove(flow_of(lying), SIGNATURES)

    (refuted,) = [one for one in proof.properties if one.verdict is Verdict.REFUTED]
    assert refuted.name == "promise-has-ticket"
    assert refuted.refutation is not None
    assert refuted.refutation.steps[-1] == end
