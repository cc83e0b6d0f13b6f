"""Mandarin as people speak it on the telephone.

What all spoken Chinese shares is in `chinese`. Of Mandarin's own:

- 两 before 百, 千, 万 and 亿 (两百, 两万), 二 in an ordinal (第二百).
- 幺 for one in digit strings: 一 and 七 sound alike on a bad line.
"""

from __future__ import annotations

from ivr.speech.chinese import Chinese, Variety

SPEAKER = Chinese(
    Variety(
        two="两",
        two_hundred="两",
        dialled="零幺二三四五六七八九",
        ten_thousand="万",
        hundred_million="亿",
        point="点",
        minus="负",
        debt="欠费",
        apiece="个",
        minutes="分钟",
        hours="小时",
        also="和",
    )
)
