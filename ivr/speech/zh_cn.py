"""Mandarin as people speak it on the telephone.

The rules, each with a test row of its own in tests/speech:

- 两 before 百, 千, 万, 亿 and before a unit (两元, 两分钟); 二 in counting (二), after 十 and inside a number (二十二元).
- 零 where a place inside a number is empty (一千零五, 一万零一十), once for any number of empty places. Empty places at
  the end of 万 or 亿 stay silent when the next group begins with a thousand (一千万五千), but not a whole empty 万
  (一亿零五千: 一亿五千 would be heard as 150 million).
- 十 and 十二 at the head, 一十 inside (一百一十, 一亿零一十二万).
- 幺 for one in digit strings, 一 in years and decimals.
- An amount has 元, 角 and 分; 零 stands for missing 角 (三十六元零五分); a debt is 欠费.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from ivr.speech.quantities import PAUSE, Day, Duration, Money, Number, Unit, Volume, Wording

_DIGITS = "零一二三四五六七八九"
_DIALLED = "零幺二三四五六七八九"  # 一 and 七 sound alike on a bad line
_COUNTED = ("零", "一", "两", "三", "四", "五", "六", "七", "八", "九")  # before a unit
_UNITS = {Unit.KILOBYTES: "K", Unit.MEGABYTES: "兆", Unit.GIGABYTES: "个G", Unit.TERABYTES: "个T"}
_GROUPS = ((10**8, "亿"), (10**4, "万"), (1, ""))


def _below_hundred(value: int, *, inside: bool) -> str:
    """1 to 99: 十二 at the head of a number, 一十二 inside."""
    tens, ones = divmod(value, 10)
    head = "" if not tens else "十" if tens == 1 and not inside else _DIGITS[tens] + "十"
    return head + (_DIGITS[ones] if ones else "")


_TAILS = {_below_hundred(value, inside=inside) for value in range(1, 100) for inside in (False, True)}
_HUNDREDS = {value: _COUNTED[value] + "百" for value in range(1, 10)}
_THOUSANDS = {value: _COUNTED[value] + "千" for value in range(1, 10)}
_ON_THE_DIAL = {0: "零", 2: "两", **{hour: _below_hundred(hour, inside=False) for hour in (1, *range(3, 13))}}
_HOURS = {
    hour: part + _ON_THE_DIAL[hour if hour <= 12 else hour - 12] + "点"
    for hours, part in (
        (range(6), "凌晨"),
        (range(6, 9), "早上"),
        (range(9, 12), "上午"),
        (range(12, 13), "中午"),
        (range(13, 18), "下午"),
        (range(18, 24), "晚上"),
    )
    for hour in hours
}
_MINUTES = {minute: ("零" if minute < 10 else "") + _below_hundred(minute, inside=False) + "分" for minute in range(1, 60)}
_MONTHS = {month: _below_hundred(month, inside=False) + "月" for month in range(1, 13)}
_BILLING_MONTHS = {month: name + "份" for month, name in _MONTHS.items()}
_DAYS = {day: _below_hundred(day, inside=False) + "日" for day in range(1, 32)}
_NEAR_YEARS = {year: "".join(_DIGITS[int(digit)] for digit in str(year)) + "年" for year in range(2020, 2040)}
_LAST_OF_YEAR = {digit: digit + "年" for digit in _DIGITS}
_POINT = {digit: "点" + digit for digit in _DIGITS}
_JIAO = {name: name + "角" for name in {*_DIGITS[1:], "两"}}
_FEN = {name: name + "分" for name in _COUNTED[1:]}
_JIAO_AND_FEN = {(jiao, fen): _JIAO[jiao] + fen + "分" for jiao in _JIAO for fen in _DIGITS[1:]}
_ODD_FEN = {fen: "零" + fen + "分" for fen in _DIGITS[1:]}

_FUSED = frozenset(
    [tail + "元" for tail in _TAILS | {"零", "两", *_HUNDREDS.values(), *_THOUSANDS.values()}]
    + [digit + unit for digit in _COUNTED[1:] for unit in ("万", "亿")]
    + [point + _UNITS[Unit.GIGABYTES] for digit, point in _POINT.items() if digit != "零"]
    + [digit + unit for digit in "一两" for unit in ("分钟", "小时", "秒", *_UNITS.values())]
)
"""A number's end and its unit that are said in one breath, and are one recording. Other units are recordings of their own."""

INVENTORY = frozenset(
    chain(
        ("零", "幺", "负", "欠费", "元", "万", "亿", "分钟", "小时", "秒"),
        *(_TAILS, _FUSED),
        *(
            recordings.values()
            for recordings in (
                *(_HUNDREDS, _THOUSANDS, _POINT, _JIAO, _FEN, _JIAO_AND_FEN, _ODD_FEN, _UNITS),
                *(_HOURS, _MINUTES, _MONTHS, _BILLING_MONTHS, _DAYS, _NEAR_YEARS, _LAST_OF_YEAR),
            )
        ),
    )
)


def number(value: Number) -> Wording:
    """负二十二点五."""
    return [*(["负"] if value.negative else []), *_whole(value.whole), *_decimals(value.decimals)]


def money(value: Money) -> Wording:
    """三十五元六角二分, 三十六元零五分, 五角; 欠费三十元; 零元."""
    said = ["欠费"] if value.negative else []
    if value.yuan or not (value.jiao or value.fen):
        said += _counted(value.yuan, "元")
    jiao, fen = (_DIGITS if value.yuan else _COUNTED)[value.jiao], _DIGITS[value.fen]
    if value.jiao and value.fen:
        said.append(_JIAO_AND_FEN[jiao, fen])
    elif value.jiao:
        said.append(_JIAO[jiao])
    elif value.fen:
        said.append(_ODD_FEN[fen] if value.yuan else _FEN[_COUNTED[value.fen]])
    return said


def digits(groups: tuple[str, ...]) -> Wording:
    """幺三九, 零零零零, 幺零零八."""
    said: list[str] = []
    for group in groups:
        said += [PAUSE] if said else []
        said += [_DIALLED[int(digit)] for digit in group]
    return said


def volume(value: Volume) -> Wording:
    """二点五个G, 五百一十二兆, 两个G, 零兆."""
    unit = _UNITS[value.unit]
    if value.amount.decimals:
        return _with_unit([*_whole(value.amount.whole), *_decimals(value.amount.decimals)], unit)
    return _counted(value.amount.whole, unit)


def duration(value: Duration) -> Wording:
    """两小时; 七十五分钟; 一分三十秒, 两分零五秒; 四十五秒."""
    if value.hours:
        return _counted(value.hours, "小时")
    if not value.seconds:
        return _counted(value.minutes, "分钟")
    if not value.minutes:
        return _counted(value.seconds, "秒")
    gap = ["零"] if value.seconds < 10 else []
    return [_FEN[_COUNTED[value.minutes]], *gap, *_with_unit([_below_hundred(value.seconds, inside=False)], "秒")]


def date(value: Day) -> Wording:
    """三月五日, 二零二五年三月五日."""
    return [*(_year(value.year) if value.says_year else []), _MONTHS[value.month], _DAYS[value.day]]


def month(year: int, month: int) -> Wording:
    """二零二六年三月份."""
    return [*_year(year), _BILLING_MONTHS[month]]


def time(hour: int, minute: int) -> Wording:
    """下午两点零五分, 下午两点."""
    return [_HOURS[hour], *([_MINUTES[minute]] if minute else [])]


def join(wording: Wording) -> str:
    """As it is written: without spaces and pauses."""
    return "".join(fragment for fragment in wording if fragment != PAUSE)


def _whole(value: int) -> list[str]:
    """A whole number that nothing follows: 二, 两百, 两万, 一亿零五千."""
    if not value:
        return ["零"]
    said: list[str] = []
    empty_before = False
    for size, name in _GROUPS:
        group = value // size % 10_000
        if group:
            if said and (empty_before or group < 1000):
                said.append("零")
            said += _counted_group(group, name, inside=bool(said))
        empty_before = not group
    return said


def _counted_group(value: int, name: str, *, inside: bool) -> list[str]:
    said = _group(value, inside=inside)
    if not name:
        return said
    return _with_unit(["两"] if value == 2 and not inside else said, name)


def _group(value: int, *, inside: bool) -> list[str]:
    """1 to 9999, the digits between two of 亿, 万 and the end; inside when more comes before."""
    thousands, hundreds, tail = value // 1000, value // 100 % 10, value % 100
    said = [_THOUSANDS[thousands]] if thousands else []
    if hundreds:
        said.append(_HUNDREDS[hundreds])
    if tail:
        if (thousands and not hundreds) or (hundreds and tail < 10):
            said.append("零")
        said.append(_below_hundred(tail, inside=inside or bool(said)))
    return said


def _counted(value: int, unit: str) -> list[str]:
    """So many of something: 两元, 二十二元, 两百元."""
    return _with_unit(["两"] if value == 2 else _whole(value), unit)


def _with_unit(said: list[str], unit: str) -> list[str]:
    *before, last = said
    return [*before, last + unit] if last + unit in _FUSED else [*said, unit]


def _decimals(decimals: str) -> list[str]:
    names = [_DIGITS[int(digit)] for digit in decimals]
    return [_POINT[names[0]], *names[1:]] if names else []


def _year(year: int) -> Iterable[str]:
    """Digit by digit: 二零二六年, 一九九八年. The years of a bill are one recording."""
    if year in _NEAR_YEARS:
        return [_NEAR_YEARS[year]]
    names = [_DIGITS[int(digit)] for digit in str(year)]
    return [*names[:-1], _LAST_OF_YEAR[names[-1]]]
