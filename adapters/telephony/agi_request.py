"""The AGI URL: `agi://host:port/<flow>?sid=<uuid>&caller=<number>&dialled=<number>&token=<token>`.

It travels in the first lines of the environment, before anything a caller can write, and its form is checked to the letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from adapters.telephony.agi_protocol import Environment
from ivr.calls.tickets import mask
from ivr.errors import ProtocolError

_FLOW = re.compile(r"[a-z0-9_-]{1,64}")
_FORMS = {
    "sid": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "caller": re.compile(r"[0-9+]{0,32}"),
    "dialled": re.compile(r"[0-9A-Za-z+*#_.-]{0,32}"),
    "token": re.compile(r"[0-9A-Za-z_-]{0,128}"),
}
_REQUIRED = frozenset(_FORMS) - {"token"}


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call as the dialplan announces it. `caller_id` is "" when withheld."""

    session: str
    flow: str
    caller_id: str = field(repr=False)
    dialled: str
    unique_id: str  # Asterisk's, for correlation only
    language: str

    @property
    def masked_caller(self) -> str:
        """Enough of the number to talk about it, not enough to dial it."""
        return mask(self.caller_id)


def read_request(environment: Environment) -> tuple[IncomingCall, str]:
    """The call, and the token it carries ("" for none). Raises ProtocolError, which never quotes a value."""
    variables = environment.variables
    script = variables.get("agi_network_script", "")
    request = variables.get("agi_request", "")
    if variables.get("agi_network") != "yes" or not (request.startswith("agi://") and request.endswith(f"/{script}")):
        raise ProtocolError("the request is not a FastAGI request")
    flow, _, query = script.partition("?")
    if not _FLOW.fullmatch(flow):
        raise ProtocolError("the flow is not named by 1 to 64 of a-z, 0-9, _ and -")
    fields = _fields(query)
    call = IncomingCall(
        session=fields["sid"],
        flow=flow,
        caller_id=fields["caller"],
        dialled=fields["dialled"],
        unique_id=variables.get("agi_uniqueid", ""),
        language=variables.get("agi_language", ""),
    )
    return call, fields.get("token", "")


def _fields(query: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for item in query.split("&"):
        key, _, value = item.partition("=")
        if key not in _FORMS or key in fields:
            raise ProtocolError("an unknown or repeated field in the request")
        if not _FORMS[key].fullmatch(value):
            raise ProtocolError(f"{key} has not the form it must have")
        fields[key] = value
    if missing := _REQUIRED - fields.keys():
        raise ProtocolError(f"the request lacks {', '.join(sorted(missing))}")
    return fields
