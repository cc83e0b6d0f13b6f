"""American English as people speak it on the telephone.

The rules, each with a test row of its own in tests/speech:

- "two hundred thirty-four", without "and"; decimals digit by digit after "point".
- An amount is "thirty-five yuan sixty-two" and "thirty-six yuan oh five"; below a yuan it is "fifty fen". A debt is
  "minus thirty yuan", which fits behind "Your balance is".
- An ordinal changes its last word: "twenty-first", "one hundred third", "two thousandth".
- Digits one by one, "zero" and not "oh", with a pause (a comma in print) between groups.
- Dates are "March fifth", a foreign year follows a comma: "March fifth, twenty twenty-five".
- Times are "two oh five p.m.", "two p.m.", "noon" and "midnight".
"""

from __future__ import annotations

from collections.abc import Sequence

from ivr.speech.quantities import PAUSE, Day, Duration, Money, Number, Unit, Volume, Wording

_TO_NINETEEN = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_BELOW_HUNDRED = tuple(
    _TO_NINETEEN[value] if value < 20 else _TENS[value // 10] + (f"-{_TO_NINETEEN[value % 10]}" if value % 10 else "")
    for value in range(100)
)
_HUNDREDS = {value: f"{_TO_NINETEEN[value]} hundred" for value in range(1, 10)}
_OH = {value: f"oh {_TO_NINETEEN[value]}" for value in range(1, 10)}
_POINT = {str(value): f"point {_TO_NINETEEN[value]}" for value in range(10)}
_GROUPS = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"), (1, ""))
_MONTHS = (
    *("", "January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ORDINALS_TO_NINETEEN = (
    *("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
    *("eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth"),
)
_ORDINALS = _ORDINALS_TO_NINETEEN + tuple(
    f"{_TENS[tens]}-{_ORDINALS_TO_NINETEEN[ones]}" if ones else _TENS[tens].removesuffix("y") + "ieth"
    for tens in range(2, 10)
    for ones in range(10)
)
_ROUND_ORDINALS = {name: name + "th" for name in ("hundred", "thousand", "million", "billion")}
_UNITS = {
    Unit.KILOBYTES: ("kilobyte", "kilobytes"),
    Unit.MEGABYTES: ("megabyte", "megabytes"),
    Unit.GIGABYTES: ("gigabyte", "gigabytes"),
    Unit.TERABYTES: ("terabyte", "terabytes"),
}
_HOURS, _MINUTES, _SECONDS = ("hour", "hours"), ("minute", "minutes"), ("second", "seconds")

FORMS = ("one", "many")

INVENTORY = frozenset(
    ["hundred", "thousand", "million", "billion", "minus", "yuan", "fen", "noon", "midnight", "a.m.", "p.m."]
    + [*_BELOW_HUNDRED, *_HUNDREDS.values(), *_OH.values(), *_POINT.values(), *_MONTHS[1:], *_ORDINALS[1:]]
    + [*_ROUND_ORDINALS.values()]
    + [form for forms in (*_UNITS.values(), _HOURS, _MINUTES, _SECONDS) for form in forms]
)


def number(value: Number) -> Wording:
    """minus two hundred thirty-four point five."""
    return [*(["minus"] if value.negative else []), *_whole(value.whole), *_decimals(value.decimals)]


def ordinal(value: int) -> Wording:
    """first, twenty-first, one hundred third, two hundredth, two thousandth."""
    *before, last = _whole(value)
    hundreds, _, hundred = last.partition(" ")  # two hundred is one recording, and its ordinal is two
    if hundred:
        return [*before, hundreds, _ROUND_ORDINALS[hundred]]
    return [*before, _ROUND_ORDINALS.get(last) or _ORDINALS[value % 100]]


def count(value: int) -> Wording:
    """two (messages), zero (messages)."""
    return _whole(value)


def money(value: Money) -> Wording:
    """thirty-five yuan sixty-two, thirty-six yuan oh five, fifty fen, minus thirty yuan, zero yuan."""
    said = ["minus"] if value.negative else []
    fen = value.jiao * 10 + value.fen
    if fen and not value.yuan:
        return [*said, _BELOW_HUNDRED[fen], "fen"]
    return [*said, *_whole(value.yuan), "yuan", *([_two_places(fen)] if fen else [])]


def digits(groups: tuple[str, ...]) -> Wording:
    """one three nine, zero zero zero zero, one zero zero eight."""
    said: list[str] = []
    for group in groups:
        said += [PAUSE] if said else []
        said += [_TO_NINETEEN[int(digit)] for digit in group]
    return said


def volume(value: Volume) -> Wording:
    """two point five gigabytes, one gigabyte, five hundred twelve megabytes, zero megabytes."""
    one, many = _UNITS[value.unit]
    return [*number(value.amount), one if value.amount == Number(False, 1) else many]


def duration(value: Duration) -> Wording:
    """two hours; seventy-five minutes; one minute thirty seconds; forty-five seconds."""
    if value.hours:
        return _counted(value.hours, _HOURS)
    if not value.seconds:
        return _counted(value.minutes, _MINUTES)
    minutes = _counted(value.minutes, _MINUTES) if value.minutes else []
    return [*minutes, *_counted(value.seconds, _SECONDS)]


def date(value: Day) -> Wording:
    """March fifth; March fifth, twenty twenty-five."""
    return [_MONTHS[value.month], _ORDINALS[value.day], *([PAUSE, *_year(value.year)] if value.says_year else [])]


def month(year: int, month: int) -> Wording:
    """March twenty twenty-six."""
    return [_MONTHS[month], *_year(year)]


def time(hour: int, minute: int) -> Wording:
    """two oh five p.m., two p.m., noon, midnight."""
    if not minute and hour in (0, 12):
        return ["noon" if hour else "midnight"]
    half = "a.m." if hour < 12 else "p.m."
    return [_BELOW_HUNDRED[hour % 12 or 12], *([_two_places(minute)] if minute else []), half]


def join(wording: Wording) -> str:
    """As it is written: single spaces, and a comma where there is a pause."""
    return " ".join(wording).replace(f" {PAUSE}", ",")


def listed(items: Sequence[str]) -> str:
    """A, B and C."""
    *before, last = items
    return ", ".join(before) + (" and " if before else "") + last


def _whole(value: int) -> list[str]:
    if not value:
        return ["zero"]
    said: list[str] = []
    for size, name in _GROUPS:
        hundreds, tail = divmod(value // size % 1000, 100)
        said += [_HUNDREDS[hundreds]] if hundreds else []
        said += [_BELOW_HUNDRED[tail]] if tail else []
        said += [name] if name and (hundreds or tail) else []
    return said


def _counted(value: int, forms: tuple[str, str]) -> list[str]:
    one, many = forms
    return [*_whole(value), one if value == 1 else many]


def _decimals(decimals: str) -> list[str]:
    return [_POINT[decimals[0]], *(_TO_NINETEEN[int(digit)] for digit in decimals[1:])] if decimals else []


def _two_places(value: int) -> str:
    """The second half of an amount or a time: oh five, thirty-five."""
    return _BELOW_HUNDRED[value] if value >= 10 else _OH[value]


def _year(year: int) -> list[str]:
    """twenty twenty-six, nineteen oh five, nineteen hundred, two thousand five."""
    century, rest = divmod(year, 100)
    if century < 10 or (century % 10 == 0 and rest < 10):
        return _whole(year)
    return [_BELOW_HUNDRED[century], _two_places(rest) if rest else "hundred"]
