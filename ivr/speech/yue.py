"""Cantonese as an announcement speaks it in Guangzhou and Hong Kong, in traditional characters.

What all spoken Chinese shares is in `chinese`. Of Cantonese's own:

- The register is the formal one, in which operators and banks read out accounts: 二十五元五角, not 廿五蚊半; 三月五日, not
  三月五號; 兩小時, not 兩個鐘; 下午兩點三十分, not 兩點半. What callers say is understood in either (`heard`).
- 二 before 百, 千, 萬 and 億 (二百, 二萬), as Unicode's CLDR has it too; 兩 before a unit (兩元, 兩分鐘, 兩點).
- 一 in digit strings: 幺 is Mandarin's, and jat1 is not taken for cat1.
- 同 joins the last of a list: A、B同C.
"""

from __future__ import annotations

from ivr.speech.chinese import Chinese, Variety

SPEAKER = Chinese(
    Variety(
        two="兩",
        two_hundred="二",
        dialled="零一二三四五六七八九",
        ten_thousand="萬",
        hundred_million="億",
        point="點",
        minus="負",
        debt="欠費",
        apiece="個",
        minutes="分鐘",
        hours="小時",
        also="同",
    )
)
