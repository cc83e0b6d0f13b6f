"""SIP as bytes: one message read and written, and the little SDP that a telephone call needs (RFC 3261, RFC 4566).

Nothing here touches a socket. Reading is lenient, as a telephone must be; writing says exactly what it is told, so that tests can
also send what no telephone would.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type"}

PCMU, PCMA, KEYS = 0, 8, 101  # payload types; 101 is what everybody uses for RFC 4733


class NotSip(ValueError):
    """These bytes are not a SIP message."""


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A request or a response: its first line, its headers in order, its body."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(default=b"", repr=False)

    @property
    def status(self) -> int | None:
        """200 of a response; None for a request."""
        return int(self.start.split(" ", 2)[1]) if self.start.startswith("SIP/2.0 ") else None

    @property
    def reason(self) -> str:
        """The words after a response's status."""
        return self.start.split(" ", 2)[2] if self.status is not None and self.start.count(" ") > 1 else ""

    @property
    def method(self) -> str:
        """INVITE, BYE, ...: of a request, or of the request that this response answers."""
        return self.header("cseq").split()[-1] if self.status is not None else self.start.split(" ", 1)[0]

    @property
    def sequence(self) -> int:
        """The number in CSeq."""
        return int(self.header("cseq").split()[0])

    def header(self, name: str) -> str:
        """The first header of that name (lower case); empty when there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        """All headers of that name (lower case), in order."""
        return tuple(value for key, value in self.headers if key.lower() == name)

    def encode(self) -> bytes:
        """The bytes on the wire, with a Content-Length of their own."""
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers), f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


def parse(datagram: bytes) -> SipMessage:
    """Read one message. Raises NotSip."""
    head, _, body = datagram.partition(b"\r\n\r\n")
    start, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    if not re.match(r"SIP/2\.0 \d{3}( |$)|[A-Z]+ \S+ SIP/2\.0$", start):
        raise NotSip("the first line is neither a request nor a response")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise NotSip("a header has no colon")
        name = name.strip().lower()
        headers.append((_COMPACT.get(name, name), value.strip()))
    message = SipMessage(start, tuple(headers), body)
    if not message.header("call-id") or not re.fullmatch(r"\d{1,10}\s+[A-Z]+", message.header("cseq")):
        raise NotSip("Call-ID or CSeq is missing")
    return message


def response_to(request: SipMessage, status: str, *, tag: str = "", contact: str = "", sdp: bytes = b"") -> SipMessage:
    """The answer to a request, such as "200 OK"."""
    to = request.header("to")
    if tag and "tag=" not in to:
        to += f";tag={tag}"
    headers = [*(("Via", via) for via in request.all("via")), *(("Record-Route", route) for route in request.all("record-route"))]
    headers += [("From", request.header("from")), ("To", to), ("Call-ID", request.header("call-id")), ("CSeq", request.header("cseq"))]
    if contact:
        headers.append(("Contact", contact))
    if sdp:
        headers.append(("Content-Type", "application/sdp"))
    return SipMessage(f"SIP/2.0 {status}", tuple(headers), sdp)


def uri_in(address: str) -> str:
    """`sip:user@host` of `"Name" <sip:user@host>;tag=1`."""
    bracketed = re.search(r"<([^>]*)>", address)
    return bracketed[1] if bracketed else address.split(";", 1)[0].strip()


@dataclass(frozen=True, slots=True)
class Media:
    """Where the far end wants audio, and in which of our payload types: the first of its list that we know."""

    host: str
    port: int
    codec: int
    keys: int | None  # its payload type for telephone-event


def sdp(host: str, port: int, codecs: tuple[int, ...] = (PCMA, PCMU)) -> bytes:
    """What we can hear and say."""
    names = {PCMA: "PCMA", PCMU: "PCMU"}
    lines = [
        "v=0",
        f"o=- 1 1 IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {' '.join(str(codec) for codec in codecs)} {KEYS}",
        *(f"a=rtpmap:{codec} {names[codec]}/8000" for codec in codecs),
        f"a=rtpmap:{KEYS} telephone-event/8000",
        f"a=fmtp:{KEYS} 0-15",
        "a=ptime:20",
        "a=sendrecv",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def media_in(body: bytes) -> Media:
    """Read the far end's session description. Raises NotSip when it has no audio that we know."""
    text = body.decode("utf-8", "replace")
    host = re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE)
    audio = re.search(r"^m=audio (\d+) RTP/AVP ([\d ]+)", text, re.MULTILINE)
    if host is None or audio is None:
        raise NotSip("the session description has no audio")
    codec = next((int(number) for number in audio[2].split() if int(number) in (PCMA, PCMU)), None)
    if codec is None:
        raise NotSip("the session description has neither a-law nor µ-law")
    keys = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", text, re.MULTILINE)
    return Media(host[1], int(audio[1]), codec, int(keys[1]) if keys else None)
