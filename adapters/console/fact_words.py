"""What is written down of who did what, in Mandarin: facts are kept in English, as programs and the command line show them."""

from __future__ import annotations

import re

from adapters.console.texts import entrance

_ROLES = {role: entrance.TEXTS[role][0] for role in ("agent", "supervisor", "operator", "admin")}
_VERDICTS = {"right": "没有问题", "wrong": "有问题"}
_SHAPES = (
    (r"ticket (\d+)", r"工单 \1"),
    (r"ticket (\d+),? message (\d+)", r"工单 \1 第 \2 条留言"),
    (r"closed tickets (.+)", r"已办结工单 \1"),
    (r"tickets of (\S+) to (\S+)", r"\1 至 \2 的工单"),
    (r"command line \((.+)\)", r"命令行（\1）"),
    (r"installation", r"安装"),
    (r"account", "账户"),
)


def in_words(told: str, language: str) -> str:
    """The subject or the actor of a fact as the page says it; what it does not know stays as it is."""
    if language != "zh":
        return told
    if judged := re.fullmatch(r"ticket (\d+): (right|wrong)", told):
        return f"工单 {judged[1]}：{_VERDICTS[judged[2]]}"
    if person := re.fullmatch(rf"(\S+) \(({'|'.join(_ROLES)})\)", told):
        return f"{person[1]}（{_ROLES[person[2]]}）"
    return next((re.sub(shape, words, told) for shape, words in _SHAPES if re.fullmatch(shape, told)), told)
