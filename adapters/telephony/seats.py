"""Seats: the telephones of those who answer callers, and their passwords.

A seat has two: `seat-07` for any SIP telephone, `seat-07-web` for the one in the page. A password is made of the line's secret and the
telephone's name, so that it is kept nowhere and the same whenever it is asked for.
"""

from __future__ import annotations

import hashlib
import hmac

_TELEPHONE = """\
[{name}](seat-{kind})
auth = {name}
aors = {name}

[{name}](seat-auth)
username = {name}
password = {password}

[{name}](seat-aor)
"""


def telephone_of(seat: int, *, web: bool = False) -> str:
    """The SIP user of a seat's telephone, or of that in the page."""
    return f"seat-{seat:02d}{'-web' if web else ''}"


def password_of(secret: str, telephone: str) -> str:
    """What that telephone registers with. With another secret all of them change, once the line starts again."""
    return hmac.digest(secret.encode(), telephone.encode(), hashlib.sha256).hex()[:24]


def telephones(secret: str, seats: int) -> str:
    """The telephones of all seats, as pjsip.conf has them."""
    kinds = [(telephone_of(seat, web=web), "web" if web else "sip") for seat in range(1, seats + 1) for web in (False, True)]
    return "\n".join(_TELEPHONE.format(name=name, kind=kind, password=password_of(secret, name)) for name, kind in kinds)
