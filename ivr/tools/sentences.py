"""What a call did, in a sentence: each kind of event, note and command in Mandarin and in English side by side, read from the journal.

`ivr why` tells the English one, the live trace both. What the journal says of another version is told by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Entry = Mapping[str, Any]


class Told(NamedTuple):
    """A sentence in both languages."""

    zh: str
    en: str


VALUES = {
    "text": "文字",
    "number": "数字",
    "money": "金额",
    "digits": "号码",
    "volume": "流量",
    "duration": "时长",
    "date": "日期",
    "month": "月份",
    "time": "时间",
}  # that the journal does not know
_ENDINGS = {
    "self_served": Told("结束：自助完成", "over: served by the line"),
    "ticket_opened": Told("结束：已承诺回电", "over: a callback was promised"),
    "transferred": Told("结束：已转人工", "over: talked to a person"),
    "abandoned": Told("结束：未得到答复", "over: left without an answer"),
    "failed": Told("结束：出现故障", "over: something failed"),
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
_ENDS = (".", "!", "?")  # of sentences, in languages that put a space behind them
_HOURS = {"open": Told("营业", "open"), "closed": Told("非营业", "closed"), "holiday": Told("节假日", "closed for a holiday")}
_LIMITS = {
    "duration": Told("通话时间已到上限", "the call has lasted as long as it may"),
    "tries": Told("失误次数已到上限", "the caller has failed as often as a call may"),
    "calls": Told("同时通话已到上限", "the line has all the calls it may"),
}
_LANGUAGES = {"zh-CN": "普通话", "en-US": "英语", "yue-HK": "粤语"}


def ending(disposition: str) -> Told:
    """How a call ended."""
    return _ENDINGS.get(disposition, Told(f"结束：{disposition}", disposition))


def event_told(event: Entry) -> Told:
    """What happened."""
    reason, keys, ticket = _reason(event), _keys(event), event.get("reference")
    match event.get("type"):
        case "CallStarted":
            return _started(event)
        case "DigitsEntered":
            digits, end = event.get("digits"), "#" if event.get("terminated") else ""
            return Told(f"用户按 {digits or '空'}{end}", f"the caller enters {digits or 'nothing'}{end}")
        case "NothingHeard":
            return Told("用户没有按键", "the caller is silent")
        case "SpeechHeard":
            return _heard(event)
        case "SpeechUnavailable":
            return Told("语音识别不可用", f"nobody can listen: {reason.en}{keys.en}")
        case "CallerHungUp":
            return Told("用户挂机", "the caller hangs up")
        case "LookupAnswered" if event.get("answer"):
            return Told(f"后台已答复{keys.zh}", f"the back office answers{keys.en}")
        case "LookupAnswered":
            return Told(f"后台查无此项{keys.zh}", f"the back office finds nothing{keys.en}")
        case "CommandFailed":
            return Told(f"失败：{reason.zh}{keys.zh}", f"it fails: {reason.en}{keys.en}")
        case "MessageKept":
            how = Told("（挂机结束）", ", by hanging up") if event.get("hung_up") else Told("", "")
            return Told(f"留言已保存，工单 {ticket or '待建'}{how.zh}", f"a message is kept{how.en}: ticket {ticket or 'to come'}")
        case "MessageNotKept":
            gone = ", and the caller has hung up" if event.get("hung_up") else ""
            return Told(f"留言未保存：{reason.zh}", f"no message is kept: {reason.en}{gone}")
        case "TextQueued":
            return Told(f"短信已进发件箱{keys.zh}", f"the text message is in the outbox{keys.en}")
        case "TransferEnded" if event.get("answered"):
            return Told("人工通话结束", "the talk with the person is over")
        case "TransferEnded":
            return _unanswered(event)
        case "PromptPlayed":
            cut = Told("，被按键打断", ", cut short by a key") if event.get("keys") else Told("", "")
            return Told(f"播报完毕{cut.zh}", f"the prompt ends{cut.en}")
        case "Released":
            return Told("线路挂机", "the line hangs up")
        case other:
            return Told(str(other), str(other))


def note_told(note: Entry) -> Told:
    """Why the call goes on as it does."""
    target, reason = note.get("target"), _reason(note)
    match note.get("type"):
        case "NodeEntered":
            return Told(f"→ {note.get('node')}", f"→ {note.get('node')}")
        case "ChoiceMade":
            universal, key = note.get("universal"), note.get("key")
            return Told(
                f"{key} 键{'（通用键）' if universal else ''}：去 {target}",
                f"key {key} is {'universal' if universal else 'a choice'}: {target}",
            )
        case "ValueCollected":
            return Told(f"收到 {note.get('length')} 位数字", f"an entry of {note.get('length')} digits")
        case "PhraseHeard":
            asks = Told("", "") if note.get("sure") else Told("，不确定，先问一句", ", not sure: asks whether that was meant")
            phrase, key = note.get("phrase"), note.get("key")
            return Told(f"“{phrase}”等于 {key} 键{asks.zh}", f"'{phrase}' stands for key {key}{asks.en}")
        case "ListeningFailed":
            return Told("此后只用按键", "only keys are asked for from here on")
        case "InputRejected":
            return Told(f"{reason.zh}，已 {note.get('tries')} 次", f"{reason.en}, {note.get('tries')} so far")
        case "TriesExhausted":
            return Told(f"次数用完：去 {target}", f"too many tries: {target}")
        case "ConditionHeld":
            condition = note.get("condition")
            return Told(f"因为 {condition or '其余条件都不成立'}：去 {target}", f"because {condition or 'nothing else held'}: {target}")
        case "HoursChecked":
            state = _known(_HOURS, note.get("state"))
            return Told(f"{note.get('hours')}：{state.zh}：去 {target}", f"the hours of {note.get('hours')}: {state.en}: {target}")
        case "PageTurned":
            page, pages = note.get("page"), note.get("pages")
            return Told(f"第 {page} 页，共 {pages} 页", f"page {page} of {pages}")
        case "MilestoneReached":
            return Told(f"里程碑：{note.get('milestone')}", f"milestone: {note.get('milestone')}")
        case "OutcomeReached":
            return Told(f"目前结果：{note.get('outcome')}", f"outcome so far: {note.get('outcome')}")
        case "LanguageChosen":
            language = note.get("language")
            return Told(f"改用{_LANGUAGES.get(str(language), language)}", f"the call goes on in {language}")
        case "MannerChosen":
            manner = manner_in_words(slower=bool(note.get("slower")), louder=bool(note.get("louder")))
            return Told(f"此后{manner.zh}播报", f"the line speaks {manner.en} from here on")
        case "LimitExceeded":
            limit = _known(_LIMITS, note.get("limit"))
            return Told(f"{limit.zh}：去 {target}", f"{limit.en}: {target}")
        case "StepFailed":
            return Told(f"因为{reason.zh}：去 {target}", f"because of {reason.en}: {target}")
        case "TicketPromised":
            ticket = note.get("reference")
            return Told(f"已承诺回电：工单 {ticket or '待建'}", f"promised: ticket {ticket or 'to come'}")
        case other:
            return Told(str(other), str(other))


def command_told(command: Entry | None) -> Told:
    """What the line does next; nothing when the call is over."""
    if not command:
        return Told("", "")
    match command.get("type"):
        case "Play" | "AskDigits":
            said = words_of(command.get("utterance"))
            return Told(f"播报 {said}", f"says   {said}") if said else Told("等候按键", "listens")
        case "Lookup":
            return Told(f"查询 {command.get('name')}", f"looks up {command.get('name')}")
        case "TakeMessage":
            return Told(f"请用户留言（{command.get('topic')}）", f"takes a message about {command.get('topic')}")
        case "SendText":
            text = words_of(command.get("text"))
            return Told(f"发短信 {text}", f"writes {text}")
        case "Transfer":
            to, wait = command.get("destination"), command.get("wait")
            if isinstance(wait, int | float):
                return Told(
                    f"转接 {to}，全忙时最多排队 {wait:g} 秒", f"transfers to {to}, waiting {wait:g} s at most while everybody is talking"
                )
            return Told(f"转接 {to}", f"transfers to {to}")
        case "Release":
            return Told("挂机", "hangs up")
        case other:
            return Told(str(other), str(other))


def manner_in_words(*, slower: bool, louder: bool) -> Told:
    """How the line speaks to a caller."""
    wanted = [told for told, wants in ((Told("放慢", "slower"), slower), (Told("放大音量", "louder"), louder)) if wants]
    return Told("并".join(one.zh for one in wanted) or "照常", " and ".join(one.en for one in wanted) or "as usual")


def words_of(utterance: Entry | None) -> str:
    """What is said or written; where a language has spaces, one parts a sentence from the next."""
    said = ""
    for part in map(str, (utterance or {}).get("parts") or ()):
        said += f" {part}" if said.endswith(_ENDS) and (part[:1].isalnum() or part.startswith("<")) else part
    return said


def _started(event: Entry) -> Told:
    slower, louder = bool(event.get("slower")), bool(event.get("louder"))
    known = f", who chose {event['language']} before" if event.get("language") else ""
    known += f", and wants to be spoken to {manner_in_words(slower=slower, louder=louder).en}" if slower or louder else ""
    crowded = ", when the line has all the calls it may" if event.get("crowded") else ""
    caller, dialled = event.get("caller_id"), event.get("dialled")
    return Told(f"{caller or '隐藏号码'} 拨打 {dialled}", f"{caller or 'a withheld number'} calls {dialled}{known}{crowded}")


def _heard(event: Entry) -> Told:
    """What a recogniser made of it; in English with how sure it was, from 0 to 1."""
    hypotheses = event.get("hypotheses") or ()
    zh = " 或 ".join(f"“{one.get('text')}”" for one in hypotheses)
    en = " or ".join(f"'{one.get('text')}' ({one.get('confidence')})" for one in hypotheses)
    return Told(
        f"用户说 {zh}" if hypotheses else "没有听懂用户的话", f"the caller says {en if hypotheses else 'something that nothing fits'}"
    )


def _unanswered(event: Entry) -> Told:
    """Why a transfer came to nothing."""
    ticket = event.get("reference")
    match event.get("reason"):
        case "busy":
            return Told("座席全忙，不再等候", "everybody is talking, and the caller waits no longer")
        case "nobody":
            return Told("没有座席在线", "no telephone is there to ring")
        case "callback":
            return Told(
                f"用户按 1 要求回电，工单 {ticket or '待建'}", f"the caller presses 1 to be called back: ticket {ticket or 'to come'}"
            )
        case _:
            return Told("无人接听", "nobody answers")


def _known(table: Mapping[str, Told], word: object) -> Told:
    return table.get(str(word), Told(str(word), str(word)))


def _reason(entry: Entry) -> Told:
    reason = str(entry.get("reason"))
    return Told(_REASONS.get(reason, reason), reason)


def _keys(entry: Entry) -> Told:
    """How many keys were pressed meanwhile."""
    count = entry.get("keys")
    if not isinstance(count, int) or not count:
        return Told("", "")
    return Told(f"，其间按了 {count} 个键", f"; {count} key{'s' * (count != 1)} pressed meanwhile")
