"""What all spoken Chinese shares; `zh_cn` and `yue` say in which words.

The rules, in the words of Mandarin, each with a test row of its own in tests/speech:

- 两 before a unit (两元, 两分钟), and in Mandarin before 百, 千, 万, 亿; 二 in counting (二), after 十 and inside a number
  (二十二元), and all through an ordinal (第二, 第二百).
- 零 where a place inside a number is empty (一千零五, 一万零一十), once for any number of empty places. Empty places at
  the end of 万 or 亿 stay silent when the next group begins with a thousand (一千万五千), but not a whole empty 万
  (一亿零五千: 一亿五千 would be heard as 150 million).
- 十 and 十二 at the head, 一十 inside (一百一十, 一亿零一十二万).
- An amount has 元, 角 and 分; 零 stands for missing 角 (三十六元零五分); a debt is 欠费.
- Digits are said in pairs, each in one breath and one fragment; a reference of six has a pause after each pair. Joined one by one,
  with a pause in the middle, they were misheard three times as often.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product

from ivr.speech.quantities import PAUSE, Day, Duration, Money, Number, Unit, Volume, Wording

_DIGITS = "零一二三四五六七八九"
_TWO = "二"
_PARTS_OF_THE_DAY = (
    *((range(6), "凌晨"), (range(6, 9), "早上"), (range(9, 12), "上午")),
    *((range(12, 13), "中午"), (range(13, 18), "下午"), (range(18, 24), "晚上")),
)


@dataclass(frozen=True, slots=True)
class Variety:
    """The words in which one spoken Chinese differs from another."""

    two: str  # before a unit
    two_hundred: str  # the two before 百, 千, 万 and 亿
    dialled: str  # the ten digits of a telephone number
    ten_thousand: str
    hundred_million: str
    point: str  # in decimals, and behind the hour
    minus: str
    debt: str
    apiece: str  # the measure word of gigabytes
    minutes: str
    hours: str
    also: str  # before the last of a list


def _below_hundred(value: int, *, inside: bool) -> str:
    """1 to 99: 十二 at the head of a number, 一十二 inside."""
    tens, ones = divmod(value, 10)
    head = "" if not tens else "十" if tens == 1 and not inside else _DIGITS[tens] + "十"
    return head + (_DIGITS[ones] if ones else "")


_TAILS = {_below_hundred(value, inside=inside) for value in range(1, 100) for inside in (False, True)}
_MINUTES = {minute: ("零" if minute < 10 else "") + _below_hundred(minute, inside=False) + "分" for minute in range(1, 60)}
_MONTHS = {month: _below_hundred(month, inside=False) + "月" for month in range(1, 13)}
_BILLING_MONTHS = {month: name + "份" for month, name in _MONTHS.items()}
_DAYS = {day: _below_hundred(day, inside=False) + "日" for day in range(1, 32)}
_NEAR_YEARS = {year: "".join(_DIGITS[int(digit)] for digit in str(year)) + "年" for year in range(2020, 2040)}
_LAST_OF_YEAR = {digit: digit + "年" for digit in _DIGITS}
_ODD_FEN = {fen: "零" + fen + "分" for fen in _DIGITS[1:]}


class Chinese:
    """One variety, as a speaker: the wording of each quantity, and all the fragments it can use."""

    FORMS = ("measure word and thing",)

    def __init__(self, variety: Variety) -> None:
        self._says = variety
        self._counted = (*_DIGITS[:2], variety.two, *_DIGITS[3:])  # one to nine before a unit
        self._groups = ((10**8, variety.hundred_million), (10**4, variety.ten_thousand), (1, ""))
        giga, tera = variety.apiece + "G", variety.apiece + "T"
        self._units = {Unit.KILOBYTES: "K", Unit.MEGABYTES: "兆", Unit.GIGABYTES: giga, Unit.TERABYTES: tera}
        self._hours = self._hours_of_the_day()
        self._fused = self._said_in_one_breath()
        self.INVENTORY = self._all_fragments()

    def number(self, value: Number) -> Wording:
        """负二十二点五."""
        return [*([self._says.minus] if value.negative else []), *self._whole(value.whole), *self._decimals(value.decimals)]

    def ordinal(self, value: int) -> Wording:
        """第二, 第二百零二."""
        return ["第", *self._whole(value, two=_TWO)]

    def count(self, value: int) -> Wording:
        """两 (条), 二十二 (条), 零 (条)."""
        return self._how_many(value)

    def money(self, value: Money) -> Wording:
        """三十五元六角二分, 三十六元零五分, 五角; 欠费三十元; 零元."""
        said = [self._says.debt] if value.negative else []
        if value.yuan or not (value.jiao or value.fen):
            said += self._with_unit(self._how_many(value.yuan), "元")
        jiao, fen = (_DIGITS if value.yuan else self._counted)[value.jiao], _DIGITS[value.fen]
        if value.jiao and value.fen:
            said.append(f"{jiao}角{fen}分")
        elif value.jiao:
            said.append(f"{jiao}角")
        elif value.fen:
            said.append(_ODD_FEN[fen] if value.yuan else self._counted[value.fen] + "分")
        return said

    def digits(self, groups: tuple[str, ...]) -> Wording:
        """幺三 九, 零零 零零, 幺零 零八; of six digits 四八, 幺六, 二五."""
        said: list[str] = []
        for group in _pairs("".join(groups)) if list(map(len, groups)) == [3, 3] else groups:
            said += [PAUSE] if said else []
            said += _pairs("".join(self._says.dialled[int(digit)] for digit in group))
        return said

    def volume(self, value: Volume) -> Wording:
        """二点五个G, 五百一十二兆, 两个G, 零兆."""
        whole, decimals = value.amount.whole, value.amount.decimals
        amount = [*self._whole(whole), *self._decimals(decimals)] if decimals else self._how_many(whole)
        return self._with_unit(amount, self._units[value.unit])

    def duration(self, value: Duration) -> Wording:
        """两小时; 七十五分钟; 一分三十秒, 两分零五秒; 四十五秒."""
        if value.hours:
            return self._with_unit(self._how_many(value.hours), self._says.hours)
        if not value.seconds:
            return self._with_unit(self._how_many(value.minutes), self._says.minutes)
        if not value.minutes:
            return self._with_unit(self._how_many(value.seconds), "秒")
        gap = ["零"] if value.seconds < 10 else []
        return [self._counted[value.minutes] + "分", *gap, *self._with_unit([_below_hundred(value.seconds, inside=False)], "秒")]

    def date(self, value: Day) -> Wording:
        """三月五日, 二零二五年三月五日."""
        return [*(_year(value.year) if value.says_year else []), _MONTHS[value.month], _DAYS[value.day]]

    def month(self, year: int, month: int) -> Wording:
        """二零二六年三月份."""
        return [*_year(year), _BILLING_MONTHS[month]]

    def time(self, hour: int, minute: int) -> Wording:
        """下午两点零五分, 下午两点."""
        return [self._hours[hour], *([_MINUTES[minute]] if minute else [])]

    def join(self, wording: Wording) -> str:
        """As it is written: without spaces and pauses."""
        return "".join(fragment for fragment in wording if fragment != PAUSE)

    def listed(self, items: Sequence[str]) -> str:
        """A、B和C."""
        *before, last = items
        return "、".join(before) + (self._says.also if before else "") + last

    def _whole(self, value: int, two: str = "") -> list[str]:
        """A whole number that nothing follows: 二, 两百, 两万, 一亿零五千; with the two of an ordinal 二百, 二万."""
        if not value:
            return ["零"]
        two = two or self._says.two_hundred
        said: list[str] = []
        empty_before = False
        for size, name in self._groups:
            group = value // size % 10_000
            if group:
                if said and (empty_before or group < 1000):
                    said.append("零")
                said += self._group(group, name, two, inside=bool(said))
            empty_before = not group
        return said

    def _group(self, value: int, name: str, two: str, *, inside: bool) -> list[str]:
        """1 to 9999, the digits between two of 亿, 万 and the end, and the name behind them; inside when more comes before."""
        if name and value == 2 and not inside:
            return self._with_unit([two], name)
        thousands, hundreds, tail = value // 1000, value // 100 % 10, value % 100
        said = [(two if thousands == 2 else _DIGITS[thousands]) + "千"] if thousands else []
        if hundreds:
            said.append((two if hundreds == 2 else _DIGITS[hundreds]) + "百")
        if tail:
            if (thousands and not hundreds) or (hundreds and tail < 10):
                said.append("零")
            said.append(_below_hundred(tail, inside=inside or bool(said)))
        return self._with_unit(said, name) if name else said

    def _how_many(self, value: int) -> list[str]:
        """So many of something: 两, 二十二, 两百."""
        return [self._says.two] if value == 2 else self._whole(value)

    def _with_unit(self, said: list[str], unit: str) -> list[str]:
        *before, last = said
        return [*before, last + unit] if last + unit in self._fused else [*said, unit]

    def _decimals(self, decimals: str) -> list[str]:
        names = [_DIGITS[int(digit)] for digit in decimals]
        return [self._says.point + names[0], *names[1:]] if names else []

    def _hours_of_the_day(self) -> Mapping[int, str]:
        on_the_dial = {0: "零", 2: self._says.two, **{hour: _below_hundred(hour, inside=False) for hour in (1, *range(3, 13))}}
        return {
            hour: part + on_the_dial[hour if hour <= 12 else hour - 12] + self._says.point
            for hours, part in _PARTS_OF_THE_DAY
            for hour in hours
        }

    def _said_in_one_breath(self) -> frozenset[str]:
        """A number's end and its unit that are one recording. Other units are recordings of their own."""
        says = self._says
        places = {digit + place for digit in {"一", says.two_hundred, *_DIGITS[3:]} for place in "百千"}
        return frozenset(
            [tail + "元" for tail in _TAILS | {"零", says.two} | places]
            + [digit + name for digit in {*_DIGITS[1:], says.two_hundred} for name in (says.ten_thousand, says.hundred_million)]
            + [says.point + digit + self._units[Unit.GIGABYTES] for digit in _DIGITS[1:]]
            + [digit + unit for digit in ("一", says.two) for unit in (says.minutes, says.hours, "秒", *self._units.values())]
        )

    def _all_fragments(self) -> frozenset[str]:
        says = self._says
        tenths, hundredths = {*_DIGITS[1:], says.two}, _DIGITS[1:]
        return frozenset(
            chain(
                ("零", "第", "元", "秒", says.two, says.minus, says.debt),
                (says.ten_thousand, says.hundred_million, says.minutes, says.hours),
                ("".join(pair) for pair in product(says.dialled, repeat=2)),
                *(_TAILS, self._fused, says.dialled, self._units.values(), self._hours.values()),
                (digit + place for digit in {*_DIGITS[1:], says.two_hundred} for place in "百千"),
                (says.point + digit for digit in _DIGITS),
                (jiao + "角" for jiao in tenths),
                (fen + "分" for fen in self._counted[1:]),
                (f"{jiao}角{fen}分" for jiao in tenths for fen in hundredths),
                *(table.values() for table in (_ODD_FEN, _MINUTES, _MONTHS, _BILLING_MONTHS, _DAYS, _NEAR_YEARS, _LAST_OF_YEAR)),
            )
        )


def _pairs(digits: str) -> list[str]:
    """Two and two, and the odd one last."""
    return [digits[place : place + 2] for place in range(0, len(digits), 2)]


def _year(year: int) -> Iterable[str]:
    """Digit by digit: 二零二六年, 一九九八年. The years of a bill are one recording."""
    if year in _NEAR_YEARS:
        return [_NEAR_YEARS[year]]
    names = [_DIGITS[int(digit)] for digit in str(year)]
    return [*names[:-1], _LAST_OF_YEAR[names[-1]]]
