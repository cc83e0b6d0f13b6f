"""The examples of the language's table as whole flows, each with a conversation that a caller has in it."""

from __future__ import annotations

from textwrap import indent

from ivr.language import forms
from ivr.language.hours import HOURS

HEAD = 'selfline: 1\nline: "2000"\nlanguages: [zh-CN]\nstart: begin\non_failure: bye\n'
BEGIN = "  begin: {lookup: account, with: {number: call.caller_id}, not_found: bye, then: %s}\n"
BYE = "  bye: {hangup: goodbye}\n"
RETURN = "  begin: {call: part, then: bye}\n" + BYE + "subflows:\n  part:\n    start: end\n    nodes:\n"

CONVERSATIONS = {
    "say": "[hears: 欢迎致电, hears: 通话将被录音, hears: 再见]",
    "menu": '[hears: 查话费请按一, silence, hears: 没有听到, press: "1", hears: 三十五元六角二分, press: "2", hears: 再见]',
    "collect": '[hears: 请输入手机号码, press: "1#", hears: 号码不对, press: "13900001008", hears: 您输入的是, press: "1", hears: 再见]',
    "lookup": "[hears: 您的账户余额是三十五元六角二分, hears: 再见]",
    "read": "[hears: 还剩二点五个G, hears: 继续听请按一, press: '1', hears: 没有了, press: '3', hears: 再见]",
    "hours": "[hears: 再见]",
    "sms": "[hears: 再见]",
    "branch": "[not_hears: 您已欠费, hears: 您的账户余额是]",
    "set": "[hears: 第一次, hears: 再见]",
    "message": "[hears: 请在提示音后留言, leave_message, hears: 留言已保存, hears: 再见]",
    "transfer": "[hears: 转接人工服务, callback, hears: 工单号, hears: 我们给您回电, hears: 再见]",
    "goto": "[hears: 再见]",
    "call": "[hears: 您的号码是, hears: 再见]",
    "return": "[hears: 再见]",
    "hangup": "[hears: 再见, line_ends]",
}


def nodes(example: str) -> str:
    """A flow that comes through some nodes, the first one first."""
    first = example.partition(":")[0]
    return HEAD + "nodes:\n" + BEGIN % first + indent(example, "  ") + (BYE if first != "bye" else "")


DESK = "hours: {desk: {week: {daily: 00:00-24:00}}}\n"


def flow_of(name: str) -> str:
    """The flow around a node type's example."""
    example = forms.NODES[name].example
    if name == "hours":
        return nodes(example).replace("nodes:", DESK + "nodes:", 1)
    if name == "return":
        return HEAD + "nodes:\n" + RETURN + indent(example, " " * 6)
    return nodes(example) + (forms.SUBFLOW.example if name == "call" else "")


EXAMPLES = {
    **{name: flow_of(name) for name in forms.NODES},
    "the file": forms.FLOW.example,
    "defaults": nodes("ask: {menu: main_menu, choices: {1: bye}}\n") + forms.DEFAULTS.example,
    "limits": nodes("ask: {menu: main_menu, choices: {1: bye}, exhausted: bye}\n") + forms.LIMITS.example,
    "speech": nodes("ask: {menu: main_menu, choices: {1: {then: bye, say: 话费}}, exhausted: bye}\n") + forms.SPEECH.example,
    "a choice": nodes(
        "ask:\n  menu: main_menu\n  exhausted: bye\n" + indent(forms.CHOICE.example, "  ") + "tell: {say: balance, then: ask}\n"
    )
    + forms.SPEECH.example,
    "opening hours": nodes("ask: {hours: desk, open: bye, closed: bye}\n") + HOURS.example,
    "a sub-flow": nodes("ask: {call: thanks, with: {number: call.caller_id}, then: bye}\n") + forms.SUBFLOW.example,
}


def script_of(name: str) -> str:
    """The conversation in a node type's example."""
    return f"""\
flow: example.yaml
conversations:
  - name: {name}
    caller: "13900001008"
    back_office:
      account: {{balance: 35.62}}
      bundles: {{items: [{{name: 甲, left: 2.5GB}}, {{name: 乙, left: 1GB}}, {{name: 丙, left: 1GB}}]}}
    steps: {CONVERSATIONS[name]}
"""
