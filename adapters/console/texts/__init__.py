"""The words of the pages, Mandarin and English. A page shows one and the other beside it, so that nobody is lost in either.

Each part of the console has a module of them here.
"""

from __future__ import annotations

from markupsafe import Markup

from adapters.console.texts import api, board, common, desk, entrance, seat, telephone

LANGUAGES = {"zh": "zh-CN", "en": "en"}

TEXTS: dict[str, tuple[str, str]] = {
    **common.TEXTS,
    **entrance.TEXTS,
    **telephone.TEXTS,
    **board.TEXTS,
    **desk.TEXTS,
    **api.TEXTS,
    **seat.TEXTS,
}


def words(key: str, language: str) -> tuple[str, str]:
    """A text in the page's language, and in the other."""
    zh, en = TEXTS[key]
    return (zh, en) if language == "zh" else (en, zh)


def beside(key: str, language: str) -> Markup:
    """A text with the other language beside it."""
    first, second = words(key, language)
    other = LANGUAGES["en" if language == "zh" else "zh"]
    return Markup('{} <span class="beside" lang="{}">{}</span>').format(first, other, second)
