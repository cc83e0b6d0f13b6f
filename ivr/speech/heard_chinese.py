"""How Chinese is heard: both scripts, both varieties, the way people shorten numbers, the way recognisers write them.

A number is read by the rules by which it is said, not by adding up characters: every place once, from the greatest down, and a
零 where places are empty. So most of what was half heard is None and not another number. One shortening is understood, since
everybody uses it: the last digit alone stands for the next place (一万二, 三千五, 两百五), but not before a unit, and not after 零.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_DIGITS = "零一二三四五六七八九"
_VALUES = {**{digit: value for value, digit in enumerate(_DIGITS)}, **{str(value): value for value in range(10)}}
_PLACES = {"千": 1000, "百": 100, "十": 10}
_ALIKE = str.maketrans(
    {
        **dict(zip("０１２３４５６７８９．，：－￥", "0123456789.,:-¥", strict=True)),
        **dict(zip("〇○两兩幺么貳贰叁肆伍陸陆柒捌玖壹弌拾佰仟", "零零二二一一二二三四五六六七八九一一十百千", strict=True)),
        **dict(zip("萬億點負費個塊圓圆錢號碼電話賬帳账編為係該", "万亿点负费个块元元钱号码电话账账账编为系该", strict=True)),
        **dict(zip("廿卅卌", ("二十", "三十", "四十"), strict=True)),
    }
)

_HESITATIONS = re.compile(r"[嗯呃啊哦喔噢诶欸]|(?<![金余])额")
_NAMES = "(?:(?:手机|电话)?号码?|账号|卡号|(?:受理)?编号|密码|验证码|金额)"
_GREETINGS = "那个|这个|呢个|就是|喂|[你您]好|好的?|咁|一共|总共|共|我要|(?:我?[要想])?(?:充值?|付|交|缴)"
_BEFORE = re.compile(rf"(?:{_GREETINGS}|(?:(?:我|我们|佢)[的嘅]?)?{_NAMES}|[是为系]|[,、。\s])+")
_AFTER = re.compile(r"(?:谢谢[你您]?|多谢晒?|唔该晒?|就是这个|就这些|[的嘅吧呢啦喇]|[,、。.!?！？\s])+$")

_DIALLED = re.compile("(?:(?P<count>[二三四五六七八九2-9])个|(?P<twice>孖))?(?P<digit>[零一二三四五六七八九0-9])")
_CODED = str.maketrans("洞拐勾", "零七九")  # as those speak who have learnt it on the radio
_STEP = re.compile(r"(零)|([一二三四五六七八九1-9])?([千百十])|([0-9]+|[一二三四五六七八九])$")
_BROKEN = re.compile(r"(.+?)[点.]([零一二三四五六七八九]+|[0-9]+)([万亿])?")
_FIGURES = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+|0|[1-9][0-9]*")

_MONEY = re.compile(r"(?P<yuan>[^元角分]+)元(?P<rest>.*)")
_DIGIT = "([一二三四五六七八九1-9])"
_TENTHS = re.compile(rf"零?{_DIGIT}角(?:{_DIGIT}分?)?")
_TENTH = re.compile(_DIGIT)
_HUNDREDTHS = re.compile(r"零?([^零元角分]+)分")
_FEN_LEFT = re.compile(rf"[零0]{_DIGIT}|([1-9][0-9])")


@dataclass(frozen=True, slots=True)
class _Whole:
    """A whole number, and whether its last digit stood for the next place."""

    value: int
    shortened: bool = False


@dataclass(frozen=True, slots=True)
class _Chinese:
    """A listener to one variety: they differ in names of money, and in what only Cantonese leaves out."""

    cantonese: bool

    def digits(self, text: str) -> str | None:
        bare = _bare(text, dialled=True)
        said = re.sub(r"[\s,、。\-]", "", bare)
        if not said or bare.startswith("-"):
            return None
        found, end = "", 0
        for token in _DIALLED.finditer(said):
            count, twice, digit = token.groups()
            if token.start() != end or (twice and not self.cantonese):
                return None
            end = token.end()
            found += str(_VALUES[digit]) * (_VALUES[count] if count else 2 if twice else 1)
        return found if end == len(said) else None

    def number(self, text: str) -> Decimal | None:
        sign, said = _signed(self._said(text), "负")
        value = _number(said)
        return None if value is None else sign * value

    def amount(self, text: str) -> Decimal | None:
        said = re.sub(r"^(?:人民币|人民幣|rmb|¥)", "", self._said(text))
        sign, said = _signed(said, "欠费|欠|负")
        value = _amount(self._in_yuan(said))
        return None if value is None else sign * value

    def _said(self, text: str) -> str:
        said = _bare(text, dialled=False)
        said = "" if re.search(r"[0-9]\s+[0-9]", said) else re.sub(r"\s", "", said)
        return re.sub("^(?=[百千万][一二三四五六七八九])", "一", said) if self.cantonese else said

    def _in_yuan(self, said: str) -> str:
        """With 元, 角 and 分 for what they are called at the counter."""
        said = said.replace("块", "元").replace("毛", "角")
        if self.cantonese:
            said = re.sub("毫子?", "角", said.replace("蚊", "元").replace("仙", "分"))
            said = re.sub("个(?=半|[一二三四五六七八九1-9]角?)", "元", said)
        return re.sub("(?<=[元角分])[钱整正]$", "", said)


MANDARIN = _Chinese(cantonese=False)
CANTONESE = _Chinese(cantonese=True)


def _bare(text: str, *, dialled: bool) -> str:
    """In simplified characters, without what people say around a value."""
    said = text.lower().translate(_ALIKE)
    if dialled:
        said = said.translate(_CODED)
    said = _AFTER.sub("", _HESITATIONS.sub("", said))
    found = _BEFORE.match(said)
    return said[found.end() :] if found else said


def _signed(said: str, minus: str) -> tuple[int, str]:
    found = re.match(minus, said)
    return (-1, said[found.end() :]) if found else (1, said)


def _number(said: str, *, may_be_shortened: bool = True) -> Decimal | None:
    if broken := _BROKEN.fullmatch(said):
        before, decimals, scale = broken.groups()
        whole = _whole(before)
        if whole is None or whole.shortened:
            return None
        figures = "".join(str(_VALUES[digit]) for digit in decimals)
        return Decimal(f"{whole.value}.{figures}") * {"万": 10**4, "亿": 10**8}.get(scale, 1)
    whole = _whole(said)
    return None if whole is None or (whole.shortened and not may_be_shortened) else Decimal(whole.value)


def _whole(said: str) -> _Whole | None:
    if _FIGURES.fullmatch(said):
        return _Whole(int(said.replace(",", "")))
    if said == "零":
        return _Whole(0)
    parts = re.fullmatch(r"(?:([^亿万]+)亿)?(?:([^亿万]+)万)?([^亿万]*)", said)
    if not said or parts is None:
        return None
    total, before, shortened = 0, 0, False
    for part, size in zip(parts.groups(), (10**8, 10**4, 1), strict=True):
        if not part:
            continue
        empty = part[0] == "零" and bool(before)
        group = _below_ten_thousand(part[1:] if empty else part)
        if group is None or (group.shortened and size > 1):
            return None
        if before and not empty and size == 1 and len(part) == 1:
            return _Whole(total + group.value * before // 10, shortened=True)
        if before and not empty and (group.value < 1000 or before // size > 10**4):
            return None
        total, before, shortened = total + group.value * size, size, group.shortened
    return _Whole(total, shortened)


def _below_ten_thousand(said: str) -> _Whole | None:
    if re.fullmatch("[1-9][0-9]{0,3}", said):
        return _Whole(int(said))
    total, last, empty, end = 0, 10_000, False, 0
    for step in _STEP.finditer(said):
        zero, digit, place, tail = step.groups()
        if step.start() != end or (zero and (empty or last == 10_000)):
            return None
        end = step.end()
        if zero:
            empty = True
        elif place:
            size = _PLACES[place]
            if size >= last or (last < 10_000 and size * 10 != last) != empty or (not digit and size > 10):
                return None
            total, last, empty = total + _VALUES[digit or "一"] * size, size, False
        else:
            return _with_tail(total, last, tail, empty=empty)
    return _Whole(total) if total and not empty and end == len(said) else None


def _with_tail(total: int, last: int, tail: str, *, empty: bool) -> _Whole | None:
    """What stands behind the last place: a digit, or the figures of all places that are left."""
    if len(tail) > 1:
        return _Whole(total + int(tail)) if 10 ** len(tail) == last and not empty else None
    value = _VALUES[tail]
    if not value or (last == 10 and empty):
        return None
    if last in (10, 10_000) or empty:
        return _Whole(total + value)
    return _Whole(total + value * last // 10, shortened=True)


def _amount(said: str) -> Decimal | None:
    found = _MONEY.fullmatch(said)
    if not found:
        fen = _tenths(said) or _hundredths(said)
        return _number(said) if fen is None else Decimal(fen) / 100
    yuan = _number(found["yuan"], may_be_shortened=False)
    if yuan is None or not found["rest"]:
        return yuan
    fen = _rest(found["rest"])
    return None if fen is None or yuan != int(yuan) or _BROKEN.fullmatch(found["yuan"]) else yuan + Decimal(fen) / 100


def _rest(said: str) -> int | None:
    """The fen behind 元: 半, 五毛八, 五毛, 五 (jiao), 八分, 零八, 58."""
    if said == "半":
        return 50
    if tenth := _TENTH.fullmatch(said):
        return _VALUES[tenth[1]] * 10
    if left := _FEN_LEFT.fullmatch(said):
        return _VALUES[left[1]] if left[1] else int(left[2])
    return _tenths(said) or _hundredths(said)


def _tenths(said: str) -> int | None:
    found = _TENTHS.fullmatch(said)
    return _VALUES[found[1]] * 10 + (_VALUES[found[2]] if found[2] else 0) if found else None


def _hundredths(said: str) -> int | None:
    found = _HUNDREDTHS.fullmatch(said)
    whole = _below_ten_thousand(found[1]) if found else None
    return whole.value if whole and whole.value < 100 and not whole.shortened else None
