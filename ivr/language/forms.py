"""The table of the language: every mapping a flow is written with, and what the caller or the designer gets from each key.

Every example here is loaded by the tests, and every node's example is held as a conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ivr.language.grammar import Form, Key, Takes

_THEN = Key("then", Takes.NODE, "Where the call goes next.", "main", required=True)

_BARGE_IN = Key(
    "barge_in",
    Takes.TRUTH,
    "Whether a key cuts it short. `false`: it is heard to its end each time, and keys pressed before its end do not count.",
    "false",
    default="true",
)
_TIMING = (
    Key("timeout", Takes.DURATION, "How long the line waits for the first key before that counts as silence.", "8s", default="5s"),
    Key("digit_timeout", Takes.DURATION, "How long it waits for the next key before what was keyed counts as all.", "3s", default="2s"),
)
_TRIES = Key("tries", Takes.COUNT, "After so many failures in a row the call goes to `exhausted`.", "2", default="3", bounds=(1, 9))
_NOINPUT = Key("noinput", Takes.PROMPTS_IN_TURN, "What is heard after silence. The last of a list stays.", "[noinput, noinput_again]")
_NOMATCH = Key("nomatch", Takes.PROMPTS_IN_TURN, "What is heard after keys that fit nothing. The last of a list stays.", "nomatch")
_EXHAUSTED = Key(
    "exhausted", Takes.NODE, "Where the call goes after `tries` failures. A menu or form needs it unless `defaults` has it.", "need_help"
)
RETRIES = (*_TIMING, _TRIES, _NOINPUT, _NOMATCH, _EXHAUSTED)

FLOW = Form(
    "The file",
    "One file is one line. Its name is the number it answers.",
    (
        Key("selfline", Takes.VERSION, "The version of this language.", "1", required=True),
        Key("line", Takes.LINE, "The name of the line.", '"1008611"', required=True),
        Key("languages", Takes.LANGUAGES, "The languages it speaks; a call begins in the first.", "[zh-CN, en-US]", required=True),
        Key("start", Takes.NODE, "The node a call begins at.", "hello", required=True),
        Key(
            "on_failure",
            Takes.NODE,
            "Where a call goes when something breaks: an audio file, an expression, a look-up without `failed`.",
            "trouble",
            required=True,
        ),
        Key("on_hangup", Takes.NODE, "A node that runs after the caller has hung up. Only silent nodes may follow it.", "note_it"),
        Key("include", Takes.FILES, "Files of sub-flows that lines share, see [a shared file](#a-shared-file).", "[shared/verify.yaml]"),
        Key(
            "remember_language",
            Takes.TRUTH,
            "Whether a caller who chose a language with `set` hears it again in the next call.",
            "true",
            default="false",
        ),
        Key("milestones", Takes.WORDS, "What the line counts on the way, so that figures outlive a redesign.", "[balance_told]"),
        Key("outcomes", Takes.WORDS, "What a call can come to; the last one it reached counts.", "[contained, promised]"),
        Key("limits", Takes.LIMITS, "How much one call may be, and how many calls at once.", "{duration: 10min, exceeded: too_long}"),
        Key(
            "speech",
            Takes.SPEECH,
            "How the line listens. Needed where something may be said in place of a key.",
            "{did_you_mean: '您是说{{ heard | text }}吗？是，请按一；不是，请按二。', use_keys: 请使用按键。}",
        ),
        Key("hours", Takes.HOURS, "When somebody is there.", "{desk: {week: {mon-fri: 08:30-18:00}}}"),
        Key("universals", Takes.UNIVERSALS, "Keys that work in every menu and form.", '{"*": back, "9": repeat, "0": person}'),
        Key("defaults", Takes.DEFAULTS, "What every menu and form has unless it says otherwise.", "{tries: 2, exhausted: need_help}"),
        Key("nodes", Takes.NODES, "What the line does, node by node.", "{hello: {hangup: goodbye}}", required=True),
        Key(
            "subflows",
            Takes.SUBFLOWS,
            "Parts of the line with nodes of their own, entered with `call`.",
            "{ask: {start: end, nodes: {end: {return: }}}}",
        ),
    ),
    """\
selfline: 1
line: "2000"
languages: [zh-CN]
start: hello
on_failure: bye
universals: {"*": back, "9": repeat}
nodes:
  hello: {say: welcome, then: bye}
  bye: {hangup: goodbye}
""",
)

DEFAULTS = Form(
    "defaults",
    "What every menu and form of the file has unless it says otherwise.",
    RETRIES,
    """\
defaults:
  timeout: 8s
  tries: 2
  noinput: [noinput, noinput_again]
  nomatch: nomatch
  exhausted: bye
""",
)

LIMITS = Form(
    "limits",
    "How much one call may be. A limit that is exceeded takes effect where the caller would be asked next, once in a call.",
    (
        Key("duration", Takes.DURATION, "The longest call.", "10min"),
        Key("tries", Takes.COUNT, "The most failed tries in the whole call, in whatever menus and forms.", "8", bounds=(1, 99)),
        Key("exceeded", Takes.NODE, "Where a call goes that lasts longer or fails more often. Needed with these.", "too_long"),
        Key("calls", Takes.COUNT, "The most calls on the line at once.", "60", bounds=(1, 10_000)),
        Key("crowded", Takes.NODE, "Where a call begins that comes when there are so many. Needed with `calls`.", "all_busy"),
    ),
    """\
limits: {duration: 10min, tries: 8, exceeded: bye, calls: 60, crowded: bye}
""",
)

SPEECH = Form(
    "speech",
    "How the line listens to what may be said in place of keys. Each phrase and each digit is heard with a confidence. From `sure` on it "
    "counts as if its key had been pressed; below `unsure` it counts as a key that fits nothing; between, the caller is asked whether that "
    "was meant, which they answer with `yes` or `no`, spoken or keyed. Digits are read back in any case.",
    (
        Key("sure", Takes.SHARE, "From this confidence on, a phrase counts at once.", "0.8", default="0.7"),
        Key("unsure", Takes.SHARE, "Below this confidence, it counts as `nomatch`.", "0.5", default="0.4"),
        Key(
            "did_you_mean",
            Takes.PROMPTS,
            "Asks whether that was meant; `heard` is the first phrase of the choice.",
            "'您是说{{ heard | text }}吗？是，请按一；不是，请按二。'",
            required=True,
        ),
        Key(
            "use_keys",
            Takes.PROMPTS,
            "Heard before the question, once in a call, when nobody can listen; from then on only keys count. A line without a "
            "recogniser says nothing of it.",
            "请使用按键。",
            required=True,
        ),
        Key("yes", Takes.ONE_KEY, "The key for yes.", "1", default="1"),
        Key("no", Takes.ONE_KEY, "The key for no.", "2", default="2"),
    ),
    """\
speech:
  sure: 0.8
  did_you_mean: 您是说{{ heard | text }}吗？是，请按一；不是，请按二。
  use_keys: 暂时无法识别语音，请使用按键。
""",
)

CHOICE = Form(
    "A choice",
    "Where a key leads, with what may be said in its place. The line then listens where the key counts, also while it speaks itself. "
    "`speech` at the head of the flow says how.",
    (
        Key(
            "then",
            Takes.NODE,
            "Where it leads; for a key that works everywhere, `back`, `repeat`, `slower` or `louder` as well.",
            "balance",
            required=True,
        ),
        Key("say", Takes.PHRASES, "What may be said for it. The first phrase is its name when the line asks.", "[查话费, 话费]"),
    ),
    """\
choices:
  1: {then: tell, say: [查话费, 话费]}
  2: {then: bye, say: {zh-CN: 结束}}
""",
)

SHARED = Form(
    "A shared file",
    "Sub-flows for several lines: each names the file under `include` and enters them with `call`. They know nothing of the line but what "
    "`call` gives them; prompts they name come from the prompts files.",
    (
        Key("selfline", Takes.VERSION, "The version of this language.", "1", required=True),
        Key(
            "subflows",
            Takes.SUBFLOWS,
            "The sub-flows, as in a flow.",
            "{thanks: {start: end, nodes: {end: {return: }}}}",
            required=True,
        ),
    ),
    """\
selfline: 1
subflows:
  thanks:
    start: tell
    nodes:
      tell: {say: welcome, then: end}
      end: {return: }
""",
)

SUBFLOW = Form(
    "A sub-flow",
    "Nodes that `call` enters at `start` and that come back with `return`. It knows what `takes` names, what its own nodes find out, "
    "`call` and `language`; what it finds out is forgotten unless it returns it. A node of the line itself is written `/name` here.",
    (
        Key("start", Takes.NODE, "The node it begins at.", "form", required=True),
        Key("takes", Takes.PARAMETERS, "What `call` must give it.", "{number: digits}"),
        Key("defaults", Takes.DEFAULTS, "What its menus and forms have; what is not said here, they have from the file.", "{tries: 2}"),
        Key("nodes", Takes.NODES, "Its nodes.", "{form: {return: }}", required=True),
    ),
    """\
subflows:
  thanks:
    start: tell
    takes: {number: digits}
    defaults: {tries: 2, exhausted: end}
    nodes:
      tell: {say: "您的号码是{{ number | digits }}。", then: end}
      end: {return: {told: true}}
""",
)

_ARM = "An arm of a branch"
WHEN_ARM = Form(
    _ARM,
    "Taken when its condition holds and none before it did.",
    (
        Key("when", Takes.CONDITION, "What must hold.", "account.balance < 0", required=True),
        Key("then", Takes.NODE, "Where the call goes if it does.", "overdue", required=True),
    ),
    "{when: account.balance < 0, then: overdue}\n",
)
ELSE_ARM = Form(
    _ARM,
    "The last arm, taken when no other is.",
    (Key("else", Takes.NODE, "Where the call goes when no condition holds.", "main", required=True),),
    "{else: main}\n",
)

_NODES = (
    Form(
        "say",
        "The caller hears it, in one breath with what follows. Any key goes straight to the next menu or form.",
        (
            Key("say", Takes.PROMPTS, "What is heard.", "[welcome, balance]", required=True),
            Key("barge_in", Takes.TRUTH, "Whether a key cuts it short. `false`: it is heard to its end.", "false", default="true"),
            _THEN,
        ),
        """\
greet: {say: welcome, then: terms}
terms:
  say: 通话将被录音。
  barge_in: false
  then: bye
""",
    ),
    Form(
        "menu",
        "The caller hears the choices and presses a key. Silence plays `noinput`, a key that is no choice plays `nomatch`, then the menu "
        "comes again. After `tries` failures the call goes to `exhausted`. Coming to a menu anew starts counting anew.",
        (
            Key("menu", Takes.PROMPTS, "The choices in words.", "main_menu", required=True),
            Key("choices", Takes.CHOICES, "Where each key leads.", "{1: balance, 2: usage}", required=True),
            Key("again", Takes.PROMPTS, "What is heard instead of the whole menu after a failure.", "main_menu_short"),
            _BARGE_IN,
            *RETRIES,
        ),
        """\
main:
  menu: {zh-CN: 查话费请按一，结束请按二。}
  choices:
    1: tell
    2: bye
  noinput: [noinput, noinput_again]
  nomatch: nomatch
  tries: 2
  exhausted: bye
tell: {say: balance, then: main}
""",
    ),
    Form(
        "collect",
        "The caller keys digits and ends with `#`, by waiting, or when there are enough. A universal key that is too short to be an entry "
        "works as everywhere. Fewer digits than `min` play `nomatch`.",
        (
            Key("collect", Takes.PROMPTS, "What is asked.", "{zh-CN: 请输入服务密码。}", required=True),
            Key("as", Takes.VALUE_NAME, "The name of the digits from here on.", "pin", required=True),
            Key("length", Takes.COUNT, "How many digits there must be; stands for `min` and `max`.", "6", bounds=(1, 32)),
            Key("min", Takes.COUNT, "The fewest digits.", "4", default="1", bounds=(1, 32)),
            Key("max", Takes.COUNT, "The most digits.", "8", default="32", bounds=(1, 32)),
            Key("secret", Takes.TRUTH, "Whether the digits are never spoken, logged or journaled.", "true", default="false"),
            Key("spoken", Takes.TRUTH, "Whether the digits may be spoken, too. They need `confirm` then.", "true", default="false"),
            Key("again", Takes.PROMPTS, "What is asked after a failure instead.", "{zh-CN: 请再输入一次。}"),
            Key(
                "confirm",
                Takes.PROMPTS,
                "Reads the entry back and asks whether it is right; keys for that are `yes` and `no`. After no, it is asked anew.",
                "{zh-CN: '您输入的是{{ number | digits }}，正确请按一，重新输入请按二。'}",
            ),
            Key("yes", Takes.ONE_KEY, "The key that confirms.", "1", default="1"),
            Key("no", Takes.ONE_KEY, "The key that asks anew.", "2", default="2"),
            _BARGE_IN,
            _THEN,
            *RETRIES,
        ),
        """\
ask:
  collect: 请输入手机号码。
  as: number
  length: 11
  confirm: "您输入的是{{ number | digits }}，正确请按一，重新输入请按二。"
  nomatch: {zh-CN: 号码不对。}
  exhausted: bye
  then: bye
""",
    ),
    Form(
        "read",
        "The caller hears a list page by page, and turns the pages: forward, back, or stop. A list that fits on one page is said in one "
        "breath with what follows and asks nothing.",
        (
            Key("read", Takes.VALUE, "The list.", "bundles.items", required=True),
            Key("as", Takes.VALUE_NAME, "The name of the item in `each`.", "bundle", default="item"),
            Key("each", Takes.PROMPTS, "What is said for each item.", "{zh-CN: '{{ bundle.name | text }}。'}", required=True),
            Key("page", Takes.COUNT, "How many items are on a page.", "3", default="3", bounds=(1, 20)),
            Key(
                "more",
                Takes.PROMPTS,
                "Asked after a page that others follow.",
                "{zh-CN: 继续听请按一，上一页请按二，结束请按三。}",
                required=True,
            ),
            Key("last", Takes.PROMPTS, "Asked after the last page.", "{zh-CN: 没有了，返回请按二。}", required=True),
            Key("forward", Takes.ONE_KEY, "The key for the next page.", "1", default="1"),
            Key("backward", Takes.ONE_KEY, "The key for the page before.", "2", default="2"),
            Key("stop", Takes.ONE_KEY, "The key that goes on at `then`.", "3", default="3"),
            Key(
                "spoken",
                Takes.TRUTH,
                "Whether pages are turned by voice, too: 下一页, 上一页, 结束; *next*, *previous*, *stop*.",
                "true",
                default="false",
            ),
            Key("empty", Takes.NODE, "Where the call goes when there is nothing in the list; to `then` unless given.", "none"),
            _THEN,
            *RETRIES,
        ),
        """\
look_up:
  lookup: bundles
  with: {number: call.caller_id}
  not_found: bye
  failed: bye
  then: tell
tell:
  read: bundles.items
  as: bundle
  each: "{{ bundle.name | text }}，还剩{{ bundle.left | volume }}。"
  page: 2
  more: 继续听请按一，上一页请按二，结束请按三。
  last: 没有了。上一页请按二，结束请按三。
  nomatch: {zh-CN: 请按一、二或三。}
  exhausted: bye
  empty: none
  then: bye
none: {say: 您没有套餐。, then: bye}
""",
    ),
    Form(
        "lookup",
        "The caller waits. Keys are taken meanwhile and kept; after a second `comfort` plays; after `deadline` the look-up has failed.",
        (
            Key("lookup", Takes.LOOKUP, "What is looked up in the back office.", "account", required=True),
            Key("with", Takes.ARGUMENTS, "What the look-up needs to know.", "{number: call.caller_id}"),
            Key("as", Takes.VALUE_NAME, "The name of the answer from here on; the look-up's own name unless given.", "account"),
            Key("deadline", Takes.DURATION, "How long a caller waits for it.", "3s", default="4s"),
            Key("retries", Takes.COUNT, "How often a failed look-up is tried again, within the deadline.", "2", default="0", bounds=(0, 5)),
            Key("backoff", Takes.DURATION, "The pause before the first new try; each later one is doubled.", "500ms", default="200ms"),
            Key("comfort", Takes.PROMPTS, "What is heard when it takes more than a second.", "one_moment"),
            _THEN,
            Key(
                "not_found",
                Takes.NODE,
                "Where the call goes when there is none. Needed if the look-up may find nothing.",
                "unknown",
            ),
            Key("failed", Takes.NODE, "Where the call goes when it fails or takes too long; to `on_failure` unless given.", "sorry"),
        ),
        """\
look_up:
  lookup: account
  with: {number: call.caller_id}
  as: theirs
  comfort: one_moment
  deadline: 3s
  not_found: unknown
  failed: bye
  then: tell
tell: {say: "您的账户余额是{{ theirs.balance | money }}。", then: bye}
unknown: {say: unknown_number, then: bye}
""",
    ),
    Form(
        "branch",
        "The caller notices nothing: the first condition that holds decides where the call goes.",
        (
            Key(
                "branch",
                Takes.ARMS,
                "The conditions, the first to hold first.",
                "[{when: account.senior, then: person}, {else: main}]",
                required=True,
            ),
        ),
        """\
check:
  branch:
    - {when: account.balance < 0, then: overdue}
    - {else: fine}
overdue: {say: 您已欠费。, then: bye}
fine: {say: balance, then: bye}
""",
    ),
    Form(
        "hours",
        "The caller notices nothing: the clock and the calendar decide where the call goes. Where it is closed, the value named by `as` "
        "tells when it opens next: `opens_on`, a date, and `opens_at`, a time.",
        (
            Key("hours", Takes.HOURS_NAME, "Whose hours.", "desk", required=True),
            Key("as", Takes.VALUE_NAME, "The name of what is known when it is closed; the hours' own name unless given.", "desk"),
            Key("open", Takes.NODE, "Where the call goes when it is open.", "person", required=True),
            Key("closed", Takes.NODE, "Where the call goes when it is closed.", "closed", required=True),
            Key("holiday", Takes.NODE, "Where the call goes when a holiday is why; to `closed` unless given.", "holidays"),
        ),
        """\
now: {hours: desk, as: desk, open: bye, closed: later, holiday: later}
later: {say: "我们{{ desk.opens_on | date }}{{ desk.opens_at | time }}上班。", then: bye}
""",
    ),
    Form(
        "set",
        "The caller notices nothing, or hears another language from here on.",
        (
            Key("set", Takes.ASSIGNMENTS, "The values, or the language, from here on.", "{language: en-US, asked: 0}", required=True),
            _THEN,
        ),
        """\
first: {set: {asked: 0}, then: once}
once: {set: {asked: asked + 1}, then: tell}
tell: {say: "第{{ asked | number }}次。", then: bye}
""",
    ),
    Form(
        "message",
        "The caller hears a beep and speaks; `#`, silence or hanging up ends it. Only when the ticket is safe is `kept` heard: never a "
        "promise that nobody has written down.",
        (
            Key("message", Takes.PROMPTS, "What is asked for.", "leave_message", required=True),
            Key("topic", Takes.NAME, "What the ticket is about, for those who call back.", "callback", required=True),
            Key("max_length", Takes.DURATION, "The longest message.", "2min", default="3min"),
            Key("final_silence", Takes.DURATION, "How much silence ends it.", "4s", default="5s"),
            Key("kept", Takes.PROMPTS, "Heard when the ticket is safe; may say `ticket.reference`.", "message_kept", required=True),
            Key("saved", Takes.PROMPTS, "Heard when the message is safe but has no number yet.", "message_saved", required=True),
            Key("too_short", Takes.PROMPTS, "Heard after less than two seconds of speech.", "message_too_short", required=True),
            Key("not_kept", Takes.PROMPTS, "Heard when nothing could be kept, so nothing is promised.", "message_not_kept", required=True),
            _THEN,
        ),
        """\
leave:
  message: leave_message
  topic: callback
  kept: message_kept
  saved: message_saved
  too_short: message_too_short
  not_kept: message_not_kept
  then: bye
""",
    ),
    Form(
        "transfer",
        "The caller is connected to a person; when that person hangs up first, the call goes on at `then`. With `wait`, callers stand in a "
        "queue while everybody is talking, are told their place in it, and may press 1 to be called back instead.",
        (
            Key("transfer", Takes.NAME, "An extension of the dialplan's `transfer` context.", "agents", required=True),
            Key("announce", Takes.PROMPTS, "What is heard before it rings.", "connecting"),
            Key(
                "ring_time",
                Takes.DURATION,
                "How long it rings. In a queue, each telephone rings 20 s, one after the other.",
                "20s",
                default="25s",
            ),
            Key("wait", Takes.DURATION, "The longest time in the queue. Without it, nobody waits for somebody who is talking.", "5min"),
            Key("callback", Takes.NODE, "Where the call goes when the caller presses 1 in the queue. Needed with `wait`.", "goodbye"),
            Key("kept", Takes.PROMPTS, "Heard when that is safe; may say `ticket.reference`. Needed with `wait`.", "promised"),
            Key("saved", Takes.PROMPTS, "Heard when it is safe but has no number yet. Needed with `wait`.", "promised_soon"),
            Key(
                "busy",
                Takes.NODE,
                "Where the call goes when the wait was too long or the queue is full, or, without `wait`, when everybody is talking; to "
                "`unanswered` unless given.",
                "leave",
            ),
            Key("nobody", Takes.NODE, "Where the call goes when no telephone is there to ring; to `unanswered` unless given.", "leave"),
            Key("unanswered", Takes.NODE, "Where the call goes when it rings and nobody answers.", "leave", required=True),
            Key("then", Takes.NODE, "Where the call goes after the talk.", "goodbye", required=True),
        ),
        """\
person:
  transfer: agents
  announce: connecting
  ring_time: 20s
  wait: 5min
  callback: bye
  kept: "工单号{{ ticket.reference | digits }}，我们给您回电。"
  saved: 我们给您回电。
  unanswered: busy
  then: bye
busy: {say: all_busy, then: bye}
""",
    ),
    Form(
        "sms",
        "The caller notices nothing now, and gets a text message. It may be sent after the caller has hung up, too.",
        (
            Key(
                "sms",
                Takes.PROMPTS,
                "What is written. Values are written in figures, and digits may stand in the text.",
                "您的余额。",
                required=True,
            ),
            Key("to", Takes.VALUE, "The number it goes to.", "number", default="call.caller_id"),
            _THEN,
            Key(
                "failed",
                Takes.NODE,
                "Where the call goes when there is no number or no way to send; to `then` unless given.",
                "sorry",
            ),
        ),
        """\
send:
  sms: "您的账户余额{{ account.balance | money }}。详情请拨1008611。"
  then: bye
""",
    ),
    Form(
        "goto",
        "The caller notices nothing.",
        (Key("goto", Takes.NODE, "Where the call goes.", "main", required=True),),
        "old_name: {goto: bye}\n",
    ),
    Form(
        "call",
        "The caller goes through a sub-flow.",
        (
            Key("call", Takes.SUBFLOW, "The sub-flow.", "ask", required=True),
            Key("with", Takes.ARGUMENTS, "What the sub-flow takes.", "{number: call.caller_id}"),
            Key("as", Takes.VALUE_NAME, "The name of what it returns from here on.", "asked"),
            Key("then", Takes.NODE, "Where the call goes when the sub-flow comes back.", "main", required=True),
        ),
        "thank: {call: thanks, with: {number: call.caller_id}, as: thanked, then: bye}\n",
    ),
    Form(
        "return",
        "The end of a sub-flow: the call goes on where its `call` says.",
        (Key("return", Takes.RESULTS, "What the sub-flow returns; each of its ends the same.", "{told: true}", required=True),),
        "end: {return: {told: true}}\n",
    ),
    Form(
        "hangup",
        "The caller hears it to the end, and the call is over.",
        (Key("hangup", Takes.LAST_WORDS, "The last words, if any.", "goodbye", required=True),),
        "bye: {hangup: goodbye}\n",
    ),
)
EVERYWHERE = (
    Key("milestone", Takes.WORD, "Counted each time a call comes here.", "balance_told"),
    Key("outcome", Takes.WORD, "What a call that came here has come to, unless it comes to more.", "contained"),
)
NODES: Mapping[str, Form] = {form.name: replace(form, keys=(*form.keys, *EVERYWHERE)) for form in _NODES}
