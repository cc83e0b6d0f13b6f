"""How a page is made: a template, the words in the language of the browser, the token for its forms, and the cookies that it needs."""

from __future__ import annotations

import datetime as dt
import hashlib
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from adapters.console.fact_words import in_words
from adapters.console.texts import LANGUAGES, TEXTS, beside, words
from adapters.console.visitors import Cookies, Visitor

HOME = Path(__file__).parent
SHANGHAI = ZoneInfo("Asia/Shanghai")
_ASSETS = HOME / "assets"

_templates = Environment(
    loader=FileSystemLoader(HOME / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page for whoever asks."""
    port = request.app.state.console.port
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    names, language = Cookies(request, port), language_of(request)
    html = _written(template, language, path=request.url.path, visitor=visitor, **values)
    response = HTMLResponse(html, status)
    if visitor is not None and visitor.new_visit:
        names.set(response, names.visit, visitor.new_visit)
    if request.query_params.get("language") in LANGUAGES:
        names.remember(response, names.language, language)
    return response


def part(template: str, language: str, **values: Any) -> Markup:
    """A piece of a page in which there is nothing of who sees it, so that it can be written once for many."""
    return Markup(_written(template, language, **values))  # noqa: S704 - its template escapes


def _written(template: str, language: str, **values: Any) -> str:
    return _templates.get_template(template).render(
        t=lambda key: beside(key, language),
        tt=lambda key: words(key, language)[0],
        texts=lambda keys: {key: TEXTS[key] for key in keys},
        named=lambda key, name: beside(key, language) if key in TEXTS else name,
        asset=asset_address,
        told_fact=lambda told: in_words(told, language),
        moment=shown_moment,
        near=near_moment,
        span=shown_span,
        language=language,
        lang=LANGUAGES[language],
        **values,
    )


def language_of(request: Request) -> str:
    """The language that was asked for just now, or before, or that the browser prefers; else Mandarin."""
    asked = request.query_params.get("language") or request.cookies.get(Cookies(request, request.app.state.console.port).language, "")
    if asked in LANGUAGES:
        return asked
    return "en" if request.headers.get("accept-language", "").lower().startswith("en") else "zh"


def shown_moment(at: dt.datetime) -> str:
    """A moment as people here read it."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def near_moment(at: dt.datetime, now: dt.datetime) -> str:
    """The same without what goes without saying: the time alone on the day itself."""
    here, today = at.astimezone(SHANGHAI), now.astimezone(SHANGHAI).date()
    return f"{here:%H:%M}" if here.date() == today else f"{here:%m-%d %H:%M}"


def shown_span(span: dt.timedelta) -> str:
    """So much time, without its direction: 1:05:00. A script of the page goes on with it."""
    seconds = abs(int(span.total_seconds()))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def asset_address(name: str) -> str:
    """Where a page finds a script, a style or an image: the address changes when the file does."""
    return f"/assets/{name}?{assets()[name][1]}"


def asset(name: str) -> Response:
    """One of these files."""
    path, stamp = assets()[name]
    kind = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}[path.suffix]
    cached = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": f'"{stamp}"'}
    return Response(path.read_bytes(), media_type=kind, headers=cached)


@cache
def assets() -> dict[str, tuple[Path, str]]:
    """The files that pages may load, each with a stamp of what is in it."""
    files = [path for path in (*_ASSETS.iterdir(), *(_ASSETS / "vendor").iterdir()) if path.suffix in (".js", ".css", ".svg")]
    return {path.name: (path, hashlib.sha256(path.read_bytes()).hexdigest()[:12]) for path in files}
