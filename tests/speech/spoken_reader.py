"""Readers that turn spoken words back into values, made without looking at how the words are made.

They are deliberately simple listeners: each knows the names of the digits, units and months and adds up what it hears, as
a person does. Whatever they cannot understand raises AssertionError.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from decimal import Decimal

UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


def _match(pattern: str, heard: str) -> re.Match[str]:
    match = re.fullmatch(pattern, heard)
    assert match, f"{heard!r} is not understood"
    return match


class Mandarin:
    """Listens to zh-CN."""

    DIGITS = {"零": 0, "一": 1, "幺": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
    PLACES = {"十": 10, "百": 100, "千": 1000}
    VOLUMES = {"K": "KB", "兆": "MB", "个G": "GB", "个T": "TB"}

    def whole(self, heard: str) -> int:
        total = group = digit = 0
        for character in heard:
            if character in self.DIGITS:
                digit = self.DIGITS[character]
            elif character in self.PLACES:
                group += (digit or (1 if character == "十" else 0)) * self.PLACES[character]
                digit = 0
            else:
                assert character in "万亿", f"{character!r} is no part of a number"
                total += (group + digit) * (10**4 if character == "万" else 10**8)
                group = digit = 0
        return total + group + digit

    def number(self, heard: str) -> Decimal:
        sign, whole, decimals = _match("(负?)([^点]+)(?:点(.+))?", heard).groups()
        value = Decimal(f"{self.whole(whole)}.{self.digits(decimals or '零')}")
        return -value if sign else value

    def ordinal(self, heard: str) -> int:
        (place,) = _match("第([^两]+)", heard).groups()
        return self.whole(place)

    def money(self, heard: str) -> Decimal:
        debt, yuan, jiao, fen = _match("(欠费)?(?:(.+)元)?(?:([^零元])角)?(?:(零?[^零角])分)?", heard).groups()
        value = Decimal(self.whole(yuan or "零")) + Decimal(self.whole(jiao or "零")) / 10 + Decimal(self.whole(fen or "零")) / 100
        return -value if debt else value

    def digits(self, heard: str) -> str:
        return "".join(str(self.DIGITS[character]) for character in heard)

    def volume(self, heard: str) -> tuple[Decimal, str]:
        amount, unit = _match("(.+?)(K|兆|个G|个T)", heard).groups()
        return self.number(amount.replace("两", "二")), self.VOLUMES[unit]

    def duration(self, heard: str) -> dt.timedelta:
        hours, whole_minutes, minutes, seconds = _match("(?:(.+)小时)?(?:(.+)分钟)?(?:([^零])分)?(?:(.+)秒)?", heard).groups("零")
        return dt.timedelta(hours=self.whole(hours), minutes=self.whole(whole_minutes) + self.whole(minutes), seconds=self.whole(seconds))

    def date(self, heard: str, this_year: int) -> dt.date:
        year, month, day = _match("(?:(.+)年)?(.+)月(.+)日", heard).groups()
        return dt.date(int(self.digits(year)) if year else this_year, self.whole(month), self.whole(day))

    def month(self, heard: str) -> dt.date:
        year, month = _match("(.+)年(.+)月份", heard).groups()
        return dt.date(int(self.digits(year)), self.whole(month), 1)

    def time(self, heard: str) -> dt.time:
        part, hour, minute = _match("(凌晨|早上|上午|中午|下午|晚上)(.+)点(?:(.+)分)?", heard).groups("零")
        spoken = self.whole(hour)
        return dt.time(spoken + 12 if part in ("下午", "晚上") else spoken, self.whole(minute))


class English:
    """Listens to en-US."""

    ONES = {
        "zero": 0,
        "one": 1,
        "two": 2,
        "three": 3,
        "four": 4,
        "five": 5,
        "six": 6,
        "seven": 7,
        "eight": 8,
        "nine": 9,
        "ten": 10,
        "eleven": 11,
        "twelve": 12,
        "thirteen": 13,
        "fourteen": 14,
        "fifteen": 15,
        "sixteen": 16,
        "seventeen": 17,
        "eighteen": 18,
        "nineteen": 19,
    }
    TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
    SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
    MONTHS = list(calendar.month_name)
    IRREGULAR = {
        "first": "one",
        "second": "two",
        "third": "three",
        "fifth": "five",
        "eighth": "eight",
        "ninth": "nine",
        "twelfth": "twelve",
        "twentieth": "twenty",
        "thirtieth": "thirty",
    }

    def whole(self, heard: str) -> int:
        total = group = 0
        for word in re.split("[ -]", heard):
            if word in self.SCALES:
                total, group = total + group * self.SCALES[word], 0
            elif word == "hundred":
                group *= 100
            else:
                assert word in self.ONES or word in self.TENS, f"{word!r} is no part of a number"
                group += self.ONES.get(word, 0) + self.TENS.get(word, 0)
        return total + group

    def number(self, heard: str) -> Decimal:
        sign, whole, decimals = _match("(minus )?(.+?)(?: point (.+))?", heard).groups()
        value = Decimal(f"{self.whole(whole)}.{self.digits(decimals or 'zero')}")
        return -value if sign else value

    def ordinal(self, heard: str) -> int:
        *before, last = re.split("([ -])", heard)
        endings = {"ieth": "y", "th": "", **self.IRREGULAR}
        ending = next(ending for ending in sorted(endings, key=len, reverse=True) if last.endswith(ending))
        return self.whole("".join([*before, last.removesuffix(ending) + endings[ending]]))

    def money(self, heard: str) -> Decimal:
        sign, yuan, rest, fen = _match("(minus )?(?:(.+) yuan(?: (.+))?|(.+) fen)", heard).groups()
        value = Decimal(self.whole(yuan or "zero")) + Decimal(self.two_places(rest or fen or "zero")) / 100
        return -value if sign else value

    def digits(self, heard: str) -> str:
        return "".join(str(self.ONES[word]) for word in heard.replace(",", "").split(" "))

    def volume(self, heard: str) -> tuple[Decimal, str]:
        amount, unit, many = _match("(.+) (kilo|mega|giga|tera)byte(s?)", heard).groups()
        assert bool(many) == (amount != "one"), f"{heard!r} does not agree in number"
        return self.number(amount), f"{unit[0].upper()}B"

    def duration(self, heard: str) -> dt.timedelta:
        parts = {}
        for amount, unit, many in re.findall(r"(\S.*?) (hour|minute|second)(s?)(?: |$)", heard):
            assert bool(many) == (amount != "one"), f"{heard!r} does not agree in number"
            parts[f"{unit}s"] = self.whole(amount)
        assert parts, f"{heard!r} is not understood"
        return dt.timedelta(**parts)

    def date(self, heard: str, this_year: int) -> dt.date:
        month, day, year = _match(r"(\w+) ([\w-]+)(?:, (.+))?", heard).groups()
        *before, last = day.split("-")
        cardinal = "-".join([*before, self.IRREGULAR.get(last, last.removesuffix("th"))])
        return dt.date(self.year(year) if year else this_year, self.MONTHS.index(month), self.whole(cardinal))

    def month(self, heard: str) -> dt.date:
        month, year = heard.split(" ", 1)
        return dt.date(self.year(year), self.MONTHS.index(month), 1)

    def time(self, heard: str) -> dt.time:
        if heard in ("noon", "midnight"):
            return dt.time(12 if heard == "noon" else 0)
        hour, minute, half = _match(r"(\w+)(?: (.+))? ([ap])\.m\.", heard).groups("zero")
        return dt.time(self.whole(hour) % 12 + (12 if half == "p" else 0), self.two_places(minute))

    def two_places(self, heard: str) -> int:
        return self.whole(heard.removeprefix("oh "))

    def year(self, heard: str) -> int:
        first, _, rest = heard.partition(" ")
        if not rest or "thousand" in rest or (rest.startswith("hundred") and self.whole(first) < 10) or rest == "hundred":
            return self.whole(heard)
        return self.whole(first) * 100 + self.two_places(rest)


class Cantonese:
    """Listens to yue: as to Mandarin, once it is written in simplified characters, and nothing of it must be so before."""

    mandarin = Mandarin()

    def simplified(self, heard: str) -> str:
        assert not set(heard) & set("两万亿点负费个钟时幺"), f"{heard!r} is not Cantonese"
        return heard.translate(str.maketrans("兩萬億點負費個鐘時", "两万亿点负费个钟时"))

    def number(self, heard: str) -> Decimal:
        return self.mandarin.number(self.simplified(heard))

    def ordinal(self, heard: str) -> int:
        return self.mandarin.ordinal(self.simplified(heard))

    def money(self, heard: str) -> Decimal:
        return self.mandarin.money(self.simplified(heard))

    def digits(self, heard: str) -> str:
        return self.mandarin.digits(self.simplified(heard))

    def volume(self, heard: str) -> tuple[Decimal, str]:
        return self.mandarin.volume(self.simplified(heard))

    def duration(self, heard: str) -> dt.timedelta:
        return self.mandarin.duration(self.simplified(heard))

    def date(self, heard: str, this_year: int) -> dt.date:
        return self.mandarin.date(self.simplified(heard), this_year)

    def month(self, heard: str) -> dt.date:
        return self.mandarin.month(self.simplified(heard))

    def time(self, heard: str) -> dt.time:
        return self.mandarin.time(self.simplified(heard))


READERS: dict[str, Mandarin | English | Cantonese] = {"zh-CN": Mandarin(), "en-US": English(), "yue": Cantonese()}
