"""SIP as the telephones in pages send it, read so that Asterisk cannot read it in another way.

To Asterisk what comes over a WebSocket is a stream: what follows after the length that a message tells of itself is the next message, and a
lone CR or LF ends a line. So a message that has more in it than the console looks at would bring in what the console keeps out.
"""

from __future__ import annotations

import re

LONGEST_MESSAGE = 16 * 1024
_HEADER = re.compile(r"([!-9;-~]+)[ \t]*:([^\0\r\n]*)")
_ADDRESS = re.compile(r"\s*(?:<sips?:([\w-]+)@[^<>@\s]+>|sips?:([\w-]+)@[^<>@;\s]+)(?:;\S*)?\s*")
_TAGGED = re.compile(r'>[^<>"]*;tag=')
_LENGTH, _FROM, _TO = ("content-length", "l"), ("from", "f"), ("to", "t")
_Headers = list[tuple[str, str]]


def opened(message: str) -> tuple[str, str]:
    """The first line of a SIP message, and all that follows. Raises ValueError for what is not one message and no more."""
    first, end, rest = message.partition("\r\n")
    if not end or len(message) > LONGEST_MESSAGE or re.search(r"[\0\r\n]", first):
        raise ValueError("no SIP")
    headers, body = _parts(rest)
    lengths = _values(headers, _LENGTH)
    told = lengths[0].strip(" \t") if lengths else "0"
    if len(lengths) > 1 or not re.fullmatch(r"[0-9]{1,5}", told) or int(told) != len(body.encode()):
        raise ValueError("no SIP, or more than one message")
    return first, rest


def parties(rest: str) -> tuple[str, str]:
    """Whom a message is from and to, by what follows its first line. Raises ValueError unless it is from one and to one."""
    headers, _ = _parts(rest)
    senders, receivers = _values(headers, _FROM), _values(headers, _TO)
    if len(senders) != 1 or len(receivers) != 1:
        raise ValueError("a message is from one and to one")
    return senders[0], receivers[0]


def begins(rest: str) -> bool:
    """Whether a request belongs to no call yet: who it is to has no tag."""
    return _TAGGED.search(parties(rest)[1]) is None


def sender(rest: str) -> str:
    """The user whom a message says it is from. Raises ValueError when it is not plain who that is."""
    return _user(parties(rest)[0])


def registers(rest: str) -> str:
    """The user as which a telephone registers itself. Raises ValueError when it is not itself."""
    own, registered = map(_user, parties(rest))
    if own != registered:
        raise ValueError("another telephone")
    return own


def _user(party: str) -> str:
    found = _ADDRESS.fullmatch(party)
    if found is None:
        raise ValueError("another telephone")
    return found[1] or found[2]


def _parts(rest: str) -> tuple[_Headers, str]:
    headers, end, body = f"\r\n{rest}".partition("\r\n\r\n")
    lines = headers.split("\r\n")[1:]
    found = [match for line in lines if (match := _HEADER.fullmatch(line))]
    if not end or len(found) != len(lines):
        raise ValueError("no SIP")
    return [(match[1].lower(), match[2]) for match in found], body


def _values(headers: _Headers, names: tuple[str, str]) -> list[str]:
    return [value for name, value in headers if name in names]
