"""`ivr say` reads values as one types them, and says what to type when it cannot."""

from __future__ import annotations

import datetime as dt

import pytest

from ivr.errors import UserError
from ivr.tools.say import say

TODAY = dt.date(2026, 3, 9)
KINDS = "the kinds are number, money, digits, volume, date, month, time, duration, ordinal and count"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("volume", "2.5 gb", "二点五个G"),
        ("volume", "512mb", "五百一十二兆"),
        ("number", " 20000 ", "两万"),
        ("money", "+35.62", "三十五元六角二分"),
        ("duration", "1h", "一小时"),
        ("duration", "1h15min", "七十五分钟"),
        ("duration", "1min30s", "一分三十秒"),
    ],
)
def test_small_differences_of_writing_do_not_matter(kind: str, value: str, expected: str):
    """Capitals, a space before the unit, spaces around, a plus sign."""
    assert say(kind, value, "zh-CN", TODAY) == expected


@pytest.mark.parametrize(
    ("kind", "value", "language", "sentence"),
    [
        (
            "price",
            "5",
            "zh-CN",
            f"there is no kind of value called 'price'; {KINDS}",
        ),
        (
            "text",
            "hello",
            "en-US",
            f"there is no kind of value called 'text'; {KINDS}",
        ),
        ("number", "5", "fr-FR", "there are no words for values in 'fr-FR'; the languages are zh-CN, en-US and yue"),
        ("number", "5", "zh", "there are no words for values in 'zh'; the languages are zh-CN, en-US and yue"),
        ("number", "20,000", "zh-CN", "'20,000' is not a number; write it like 20000 or -2.5"),
        ("number", "", "zh-CN", "'' is not a number; write it like 20000 or -2.5"),
        ("number", "1e5", "zh-CN", "'1e5' is not a number; write it like 20000 or -2.5"),
        ("number", "５", "zh-CN", "'５' is not a number; write it like 20000 or -2.5"),
        ("number", "1000000000000", "zh-CN", "a number is spoken below a million million, and 1000000000000 is not"),
        ("number", "3.1415926", "zh-CN", "a number is spoken with at most 6 decimals, so 3.1415926 has to be rounded first"),
        ("money", "35元", "zh-CN", "'35元' is not an amount of money; write it like 35.62"),
        (
            "money",
            "35.625",
            "zh-CN",
            "an amount of money is spoken to the fen, so 35.625 has to be rounded to two decimals first",
        ),
        ("digits", "139 0000 1008", "zh-CN", "'139 0000 1008' is not a string of digits; write it like 13900001008"),
        ("digits", "1" * 33, "zh-CN", "digits are spoken from a str of 1 to 32 characters 0 to 9, and this one is not"),
        ("volume", "2.5", "zh-CN", "'2.5' is not a volume; write it like 2.5GB, 512MB, 30KB, 1TB or 800B"),
        ("volume", "-1GB", "zh-CN", "'-1GB' is not a volume; write it like 2.5GB, 512MB, 30KB, 1TB or 800B"),
        ("volume", "1000TB", "zh-CN", "a volume of 1000 TB or more cannot be spoken"),
        ("volume", "999999999999.999999999999TB", "zh-CN", "a volume of 1000 TB or more cannot be spoken"),
        ("date", "5.3.2026", "zh-CN", "'5.3.2026' is not a date; write it like 2026-03-05"),
        ("date", "20260305", "zh-CN", "'20260305' is not a date; write it like 2026-03-05"),
        ("date", "2026-02-30", "zh-CN", "'2026-02-30' is not a date; write it like 2026-03-05"),
        ("month", "2026-13", "zh-CN", "'2026-13' is not a month; write it like 2026-03"),
        ("time", "2pm", "zh-CN", "'2pm' is not a time; write it like 14:05"),
        ("time", "24:00", "zh-CN", "'24:00' is not a time; write it like 14:05"),
        ("duration", "", "zh-CN", "'' is not a duration; write it like 75min, 90s, 2h or 1h30min"),
        ("duration", "75", "zh-CN", "'75' is not a duration; write it like 75min, 90s, 2h or 1h30min"),
        ("ordinal", "third", "en-US", "'third' is not an ordinal; write it like 3"),
        ("ordinal", "0", "yue", "an ordinal begins with the first, so 0 cannot be spoken as one"),
        ("count", "2.5", "zh-CN", "a count is whole, and 2.5 is not"),
        ("count", "-1", "zh-CN", "a count cannot be less than nothing, so -1 cannot be spoken as one"),
        ("duration", "30min1h", "zh-CN", "'30min1h' is not a duration; write it like 75min, 90s, 2h or 1h30min"),
    ],
)
def test_a_slip_is_answered_with_what_to_write(kind: str, value: str, language: str, sentence: str):
    """One sentence, for the person at the command line."""
    with pytest.raises(UserError) as refusal:
        say(kind, value, language, TODAY)

    assert str(refusal.value) == sentence
