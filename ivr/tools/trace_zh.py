"""The words of the trace in Mandarin; those in English are `ivr why`'s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Entry = Mapping[str, Any]

KINDS = {
    "text": "文字",
    "number": "数字",
    "money": "金额",
    "digits": "号码",
    "volume": "流量",
    "duration": "时长",
    "date": "日期",
    "month": "月份",
    "time": "时间",
}
_OUTCOMES = {
    "self_served": "结束：自助完成",
    "ticket_opened": "结束：已承诺回电",
    "transferred": "结束：已转人工",
    "abandoned": "结束：未得到答复",
    "failed": "结束：出现故障",
}
_REASONS = {
    "nomatch": "按键无效",
    "noinput": "没有按键",
    "back_office": "后台出错",
    "deadline": "后台超时",
    "not_found": "查无此项",
    "too_short": "太短",
    "outbox": "短信箱不可用",
    "number": "号码不能收短信",
}
_STATES = {"open": "营业", "closed": "非营业", "holiday": "节假日"}
_LIMITS = {"duration": "通话时间已到上限", "tries": "失误次数已到上限", "calls": "同时通话已到上限"}
_LANGUAGES = {"zh-CN": "普通话", "en-US": "英语", "yue-HK": "粤语"}


def zh_over(disposition: str) -> str:
    """How a call ended."""
    return _OUTCOMES.get(disposition, f"结束：{disposition}")


def zh_event(event: Entry) -> str:
    """What happened."""
    match event.get("type"):
        case "CallStarted":
            return f"{event.get('caller_id') or '隐藏号码'} 拨打 {event.get('dialled')}"
        case "DigitsEntered":
            return f"用户按 {event.get('digits') or '空'}{'#' if event.get('terminated') else ''}"
        case "NothingHeard":
            return "用户没有按键"
        case "SpeechHeard":
            said = " 或 ".join(f"“{one.get('text')}”" for one in event.get("hypotheses") or ())
            return f"用户说 {said}" if said else "没有听懂用户的话"
        case "SpeechUnavailable":
            return "语音识别不可用"
        case "CallerHungUp":
            return "用户挂机"
        case "LookupAnswered":
            return ("后台已答复" if event.get("answer") else "后台查无此项") + _keys(event)
        case "CommandFailed":
            return f"失败：{_reason(event)}{_keys(event)}"
        case "MessageKept":
            return f"留言已保存，工单 {event.get('reference') or '待建'}" + ("（挂机结束）" if event.get("hung_up") else "")
        case "MessageNotKept":
            return f"留言未保存：{_reason(event)}"
        case "TextQueued":
            return f"短信已进发件箱{_keys(event)}"
        case "TransferEnded":
            return "人工通话结束" if event.get("answered") else "无人接听"
        case "PromptPlayed":
            return "播报完毕" + ("，被按键打断" if event.get("keys") else "")
        case "Released":
            return "线路挂机"
        case other:
            return str(other)


def zh_note(note: Entry) -> str:
    """Why the call goes on as it does."""
    match note.get("type"):
        case "ChoiceMade":
            return f"{note.get('key')} 键{'（通用键）' if note.get('universal') else ''}：去 {note.get('target')}"
        case "ValueCollected":
            return f"收到 {note.get('length')} 位数字"
        case "PhraseHeard":
            return f"“{note.get('phrase')}”等于 {note.get('key')} 键" + ("" if note.get("sure") else "，不确定，先问一句")
        case "ListeningFailed":
            return "此后只用按键"
        case "InputRejected":
            return f"{_reason(note)}，已 {note.get('tries')} 次"
        case "TriesExhausted":
            return f"次数用完：去 {note.get('target')}"
        case "ConditionHeld":
            return f"因为 {note.get('condition') or '其余条件都不成立'}：去 {note.get('target')}"
        case "HoursChecked":
            return f"{note.get('hours')}：{_STATES.get(str(note.get('state')), note.get('state'))}：去 {note.get('target')}"
        case "PageTurned":
            return f"第 {note.get('page')} 页，共 {note.get('pages')} 页"
        case "MilestoneReached":
            return f"里程碑：{note.get('milestone')}"
        case "OutcomeReached":
            return f"目前结果：{note.get('outcome')}"
        case "LanguageChosen":
            return f"改用{_LANGUAGES.get(str(note.get('language')), note.get('language'))}"
        case "MannerChosen":
            wants = [word for word, wanted in (("放慢", note.get("slower")), ("放大音量", note.get("louder"))) if wanted]
            return f"此后{'并'.join(wants) or '照常'}播报"
        case "LimitExceeded":
            return f"{_LIMITS.get(str(note.get('limit')), note.get('limit'))}：去 {note.get('target')}"
        case "StepFailed":
            return f"因为{_reason(note)}：去 {note.get('target')}"
        case "TicketPromised":
            return f"已承诺回电：工单 {note.get('reference') or '待建'}"
        case other:
            return str(other)


def zh_command(command: Entry) -> str:
    """What the line does, where it is not speaking."""
    match command.get("type"):
        case "Lookup":
            return f"查询 {command.get('name')}"
        case "TakeMessage":
            return f"请用户留言（{command.get('topic')}）"
        case "Transfer":
            return f"转接 {command.get('destination')}"
        case "Release":
            return "挂机"
        case other:
            return str(other)


def _reason(entry: Entry) -> str:
    return _REASONS.get(str(entry.get("reason")), str(entry.get("reason")))


def _keys(entry: Entry) -> str:
    count = entry.get("keys")
    return f"，其间按了 {count} 个键" if isinstance(count, int) and count else ""
