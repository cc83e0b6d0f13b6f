"""How each piece of a pack is said when it is recorded: which sentence it is cut out of, how fast it is said, where its silence ends.

Of a fragment that is misheard the best of several takes is kept; `CHOSEN` names them. They were chosen by ear: a recogniser heard each
inside sentences with other values than those by which the line is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MARKS: Final = "。！？!?.…，；：,;:、"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to record a piece. `name` is a part of the recording's version.

    Between `before` and `after` it has the melody of the middle of a sentence and can stand between others: said alone, it falls like a
    sentence and loses a soft beginning. Of 30 Mandarin read-outs joined that way, 28 % of the syllables were misheard (Whisper base,
    through a-law); cut out of carriers, 10 %. English is understood either way.
    The carriers end in a breath and not in a consonant: cut before the closed lips of a 不 or the tongue of a 对, a fragment was heard
    with a syllable too many.
    """

    name: str
    speed: float
    before: str = ""  # nothing: it is said alone
    after: str = ""
    lead: float = 0.005  # seconds that stay before what is louder than the floor
    tail: float = 0.020
    floor_db: float = -50.0  # below its loudest moment


_PLAIN: Final = {"zh-CN": Way("", 0.8, "好，", "，好。"), "en-US": Way("", 0.9, "Fine,", ", fine.")}
_ALONE: Final = {"zh-CN": Way("alone", 0.9, lead=0.030, tail=0.040), "en-US": Way("alone", 1.0, lead=0.030, tail=0.040)}
_LONGEST: Final = {"zh-CN": 6, "en-US": 24}  # of what is cut from a carrier, in characters
_SLOW: Final = Way("slow", 0.7, "好，", "，好。")
_SLOW_ALONE: Final = Way("slow alone", 0.8, lead=0.010, floor_db=-35.0)
_AFTER_IS: Final = Way("after is", 0.8, "是：", "，好。", floor_db=-40.0)  # as numbers are led up to
_SLOW_AFTER_IS: Final = Way("slow after is", 0.7, "是：", "，好。", floor_db=-40.0)
_AFTER_TWO: Final = Way("after two", 0.8, "好，好，", "，好，好。", floor_db=-40.0)  # in the middle of a longer sentence
_EIGHTIES: Final = tuple(f"八十{one}元" for one in ("", *"一二三四五六七八九"))
_FOUR_JIAO: Final = ("四角", *(f"四角{fen}分" for fen in "一二三四五六七八九"))
_OF_WAYS: Final[dict[str, dict[Way, tuple[str, ...]]]] = {
    "zh-CN": {
        _ALONE["zh-CN"]: ("已用通话", "四月", "八五", "四六"),
        _SLOW_ALONE: ("八月", "幺八", "幺零", "四二"),
        _SLOW: ("十月",),
        _AFTER_IS: ("七幺", "三五", "九三", "二二", "二五", "八二", "四七", *_EIGHTIES, *_FOUR_JIAO),
        _SLOW_AFTER_IS: ("八幺",),
        _AFTER_TWO: ("四五",),
    },
    "en-US": {
        _ALONE["en-US"]: ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    },
}

CHOSEN: Final = {language: {text: way for way, texts in ways.items() for text in texts} for language, ways in _OF_WAYS.items()}


def way_of(language: str, text: str) -> Way:
    """How this text is said.

    What has a comma in it is half a sentence, and is understood better when it is said alone.
    """
    if text in CHOSEN[language]:
        return CHOSEN[language][text]
    carried = len(text) <= _LONGEST[language] and text[-1] not in _MARKS and "，" not in text
    return (_PLAIN if carried else _ALONE)[language]
