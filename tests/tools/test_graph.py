"""Drawings: every node, key and way of a line is in them, once; what holds everywhere is in the legend; what breaks quoting is quoted."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.bootstrap.drawing import draw_flow
from ivr.core.flow import Flow
from ivr.errors import UserError
from ivr.tools.conversations import read_script
from ivr.tools.coverage import travelled
from ivr.tools.flowtest import run
from ivr.tools.graph import Arrow, draw
from ivr.tools.graph_formats import to_dot, to_mermaid, to_text
from ivr.tools.graph_words import cut, width_of, wrapped
from tests.conftest import HOME, load
from tests.tools.everything import everything

AWKWARD = """\
selfline: 1
line: awkward
languages: [en-US]
start: ask
on_failure: end
universals: {"*": back, "9": repeat, "0": end}
defaults: {exhausted: end}
nodes:
  ask: {collect: 'Type <b>"digits"</b> & more`', as: number, min: 3, max: 5, then: check}
  check:
    branch:
      - {when: 'number == "12345" && size(number) < 9', then: first}
      - {else: end}
  first: {menu: One., choices: {"*": second, "#": ask, 1: end, 2: end}}
  second: {menu: Two., choices: {1: third}}
  third: {menu: Three., choices: {1: ask}}
  end: {hangup: }
"""

SHARED = """\
selfline: 1
line: shared
languages: [en-US]
start: ask
on_failure: bye
nodes:
  ask: {call: number, with: {usual: call.caller_id}, as: asked, then: told}
  told: {say: "For {{ asked.number | digits }}.", then: bye}
  bye: {hangup: Goodbye.}
subflows:
  number:
    start: which
    takes: {usual: digits}
    defaults: {tries: 2, exhausted: own}
    nodes:
      which: {menu: "For this number press one, for another press two.", choices: {1: own, 2: other}}
      own: {return: {number: usual}}
      other: {collect: The number please., as: keyed, length: 11, confirm: "{{ keyed | digits }}. If it is right, press one.", then: end}
      end: {return: {number: keyed}}
"""


@pytest.fixture(scope="module")
def awkward() -> Flow:
    loaded = load(AWKWARD)
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.flow is not None
    return loaded.flow


def test_every_node_is_in_every_format(quick_line: Flow):
    drawing = draw(quick_line)

    dot, mermaid, text = to_dot(drawing), to_mermaid(drawing), to_text(drawing)

    for name in quick_line.nodes:
        assert len(re.findall(rf'^ *"{name}" \[label', dot, re.MULTILINE)) == 1
        assert len(re.findall(rf"^ *n_{name.replace('/', '__')}[^\w ]", mermaid, re.MULTILINE)) == 1
        assert len(re.findall(rf"^{name} ", text, re.MULTILINE)) == 1


def test_keys_stand_on_the_arrows_of_a_menu(quick_line: Flow):
    arrows = [arrow for arrow in draw(quick_line).arrows if arrow.source == "main"]

    assert [(arrow.label, arrow.target) for arrow in arrows] == [
        ("1 “查话费”", "balance"),
        ("2 “查流量”", "usage"),
        ("3 “查账单”", "bill"),
        ("4 “英语服务”", "other_language"),
        ("5 “我要留言”", "leave"),
        ("3 tries", "need_help"),
    ]


def test_keys_that_lead_to_one_node_share_an_arrow(awkward: Flow):
    drawing = draw(awkward)

    assert Arrow("first", "end", "1, 2") in drawing.arrows


def test_what_holds_everywhere_is_told_once(quick_line: Flow, awkward: Flow):
    """Universals, failures, and the way out of exhausted tries that three menus share."""
    assert draw(quick_line).legend == (
        "in every menu: * goes back,  9 repeats,  7 speaks slower,  8 speaks louder,  0 → person",
        "when something fails → trouble",
        "longer than 15min → need_help",
    )
    assert draw(awkward).legend[-1] == "after too many tries → end"
    assert not any("tries" in arrow.label for arrow in draw(awkward).arrows)


def test_a_way_back_is_a_word_in_the_box(quick_line: Flow):
    boxes = {box.name: box for box in draw(quick_line).clusters[""]}

    assert [arrow.target for arrow in boxes["say_balance"].back] == ["main"]
    assert not any(arrow.target == "main" and arrow.source == "say_balance" for arrow in draw(quick_line).arrows)


def test_a_subflow_is_a_cluster(quick_line: Flow):
    clusters = draw(quick_line).clusters

    assert [box.title for box in clusters["bill"]] == ["look_up", "tell", "none", "end"]


def test_the_overlay_tells_where_conversations_have_been(quick_line: Flow):
    text = "flow: f.yaml\nconversations:\n  - {name: a, back_office: {account: {language: zh-CN}}, steps: [press: '1', hang_up]}\n"
    script, _ = read_script(text, "t.yaml", SIGNATURES)
    assert script is not None
    outcome = run(quick_line, script.conversations[0], lambda name, arguments: None)

    drawing = draw(quick_line, travelled(quick_line, [outcome.passages]))

    boxes = {box.name: box for box in drawing.clusters[""]}
    assert (boxes["balance"].taken, boxes["usage"].taken) == (True, False)
    assert {arrow.label: arrow.taken for arrow in drawing.arrows if arrow.source == "main"}["1 “查话费”"] is True
    assert boxes["main"].missing == ("noinput", "nomatch")
    assert drawing.legend[-1] == "never pressed: *, 9, 7, 8, 0"
    assert "✓ balance" in to_text(drawing)
    assert "✗ usage" in to_text(drawing)


def test_mermaid_takes_the_words_of_a_flow_for_words(awkward: Flow):
    """Quotes and angle brackets only where they are Mermaid's own."""
    mermaid = to_mermaid(draw(awkward))

    assert "Type #lt;b#gt;#quot;digits#quot;#lt;/b#gt; #amp;" in mermaid
    assert '|"number == #quot;12345#quot; #amp;#amp; size(number) #lt; 9"|' in mermaid
    assert all(line.count('"') % 2 == 0 for line in mermaid.splitlines())


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("overlaid", [False, True])
def test_graphviz_draws_it_without_a_complaint(quick_line: Flow, awkward: Flow, overlaid: bool):
    for flow in (quick_line, awkward, everything()):
        made = subprocess.run(
            ["dot", "-Tsvg"], input=to_dot(draw(flow, {} if overlaid else None)), capture_output=True, text=True, check=True
        )

        assert made.stderr == ""
        assert made.stdout.count('class="node"') == len(flow.nodes) + 1


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_the_boxes_of_a_sub_flow_stand_in_its_frame():
    loaded = load(SHARED)
    assert loaded.flow is not None

    made = subprocess.run(["dot", "-Tjson"], input=to_dot(draw(loaded.flow)), capture_output=True, text=True, check=True)

    objects = json.loads(made.stdout)["objects"]
    frame = next(one["bb"] for one in objects if one["name"].startswith("cluster"))
    left, bottom, right, top = map(float, frame.split(","))
    places = {one["name"]: tuple(map(float, one["pos"].split(","))) for one in objects if "pos" in one}
    inside = {name for name, (x, y) in places.items() if left < x < right and bottom < y < top}
    assert inside == {"number/which", "number/own", "number/other", "number/other.confirm", "number/end"}


def test_without_graphviz_a_picture_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(UserError, match=r"^a picture needs Graphviz, which is not installed: apt-get install graphviz; or use --format"):
        draw_flow(HOME / "flows" / "1008611.yaml", HOME, "svg", coverage=False)


def test_words_are_cut_and_wrapped_by_their_width():
    assert width_of("余额ab") == 6
    assert cut("您的账户余额是", 8) == "您的账…"
    assert cut("再见。", 4) == "再见。"
    assert wrapped("您的账户已欠费，请尽快充值。", 16, 2) == ("您的账户已欠费，", "请尽快充值。")
    assert wrapped("For your balance, press one.", 18, 2) == ("For your balance,", "press one.")
    assert wrapped("a" * 30, 10, 2) == ("a" * 10, "a" * 9 + "…")
    assert wrapped("", 10, 2) == ()


def test_what_a_line_counts_and_limits_is_told_beside_it():
    """Milestones and outcomes in the box, limits and opening hours in the legend, a shared file at its sub-flow."""
    drawing = draw(everything())
    boxes = {box.name: box for box in drawing.clusters[""]}

    assert boxes["texted"].counted == ("milestone texted", "outcome served")
    assert boxes["long"].badges == ("past the limits",)
    assert boxes["full"].badges == ("when the line is crowded",)
    assert drawing.legend[-4:] == (
        "longer than 10min or 4 failed tries in all → long",
        "60 calls at once, and one more → full",
        "hours desk: mon-fri 09:00-17:00; 1 holiday in its calendars",
        "hours always: daily 00:00-24:00",
    )
    assert drawing.files == {"number": "flows/shared/number.yaml"}
    assert "sub-flow number  (flows/shared/number.yaml)" in to_text(drawing)


def test_every_kind_of_node_has_a_shape_words_and_ways():
    drawing = draw(everything())
    boxes = {box.name: box for cluster in drawing.clusters.values() for box in cluster}

    assert (boxes["list"].shape, boxes["list"].words) == ("list", "bundles.items, 2 a page, 1 on, 2 back; ‹name›, ‹left› left.")
    assert (boxes["open_now"].shape, boxes["open_now"].words) == ("hours", "desk")
    assert (boxes["sms"].shape, boxes["sms"].words) == ("text", "to call.caller_id: You have ‹count› bundles.")
    assert boxes["other"].words == "number(call.caller_id) as asked"
    assert boxes["number/end"].words == "number = keyed"
    assert [(arrow.label, arrow.target) for arrow in drawing.arrows if arrow.source == "open_now"] == [
        ("open", "always"),
        ("closed", "shut"),
        ("holiday", "feast"),
    ]
    assert [(arrow.label, arrow.target) for arrow in drawing.arrows if arrow.source == "list"] == [
        ("3, one page", "sms"),
        ("empty", "none"),
    ]
    assert [(arrow.label, arrow.target) for arrow in boxes["number/ask.confirm"].back] == [("2", "number/ask")]
