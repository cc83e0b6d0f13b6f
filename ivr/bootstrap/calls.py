"""Past calls, read back from the journal."""

from __future__ import annotations

from adapters.storage.journal import read_journal, sessions_in
from ivr.config import Settings
from ivr.errors import UserError
from ivr.tools.why import tell


def story(settings: Settings, call: str | None) -> tuple[str, ...]:
    """One call as `ivr why` tells it. Raises UserError when the journal does not know it, or knows several."""
    folder = settings.var / "journal"
    sessions = sessions_in(folder)
    if not sessions:
        raise UserError(f"no call is in the journal yet: {folder}")
    found = [session for session in sessions if session.startswith(call)] if call else [sessions[-1]]
    if not found:
        raise UserError(f"no call's session begins with {call!r}; the latest is {sessions[-1]}")
    if len(found) > 1:
        raise UserError(f"{len(found)} calls' sessions begin with {call!r}: {', '.join(found[:5])}{', …' if len(found) > 5 else ''}")
    return (f"call {found[0]}", *tell(read_journal(folder, found[0])))
