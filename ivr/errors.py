"""Everything selfline raises on purpose.

    SelflineError
    ├── UserError            the person at the command line can mend it; printed as one sentence
    │   ├── SettingsError    a setting is missing or wrong
    │   └── UnknownTicket    no ticket has that reference
    ├── UnexpectedEvent      an event that the node cannot have caused: a driver's bug
    ├── BackOfficeFailed     the back office did not answer, or answered nonsense
    ├── VoiceFailed          no engine could say a text
    ├── ChannelFailed        the line could not do what it was told
    │   └── ProtocolError    the far end does not speak AGI, or lies
    ├── StoreFailed          the database is away, locked or broken
    ├── OutboxFailed         a text message could not be put where it is safe
    ├── SendFailed           the network refused a text message
    ├── TranscriberFailed    the recogniser made nothing of a recording
    │   └── TranscriberAway  there is no recogniser that could
    └── SpoolFailed          the disk refused an intent or a recording
        └── MessageKeyTaken  a message of that key has been taken before

A caller who hangs up is not an error.
"""

from __future__ import annotations


class SelflineError(Exception):
    """The root."""


class UserError(SelflineError):
    """Something the person at the command line can mend. Its text is the whole message."""


class SettingsError(UserError):
    """A setting is missing or wrong."""


class UnknownTicket(UserError):
    """No ticket has that reference."""


class UnexpectedEvent(SelflineError):
    """An event that the current node cannot have caused."""


class BackOfficeFailed(SelflineError):
    """The back office did not answer, or answered something that is not of the declared shape."""


class VoiceFailed(SelflineError):
    """No engine could say a text."""


class ChannelFailed(SelflineError):
    """The line could not do what it was told."""


class ProtocolError(ChannelFailed):
    """The far end does not speak AGI, or lies. The session is over."""


class SpoolFailed(SelflineError):
    """The disk refused an intent or a recording."""


class MessageKeyTaken(SpoolFailed):
    """A message of that key has an intent or a recording already; another one must not overwrite it."""


class StoreFailed(SelflineError):
    """The database is away, locked or broken. What was to be written is safe to write again."""


class OutboxFailed(SelflineError):
    """A text message could not be put into the outbox, or the outbox could not be read. It is safe to try again."""


class SendFailed(SelflineError):
    """The network has not taken a text message, and says so, in words without number and text. `temporary`: it may take it later."""

    def __init__(self, reason: str, *, temporary: bool) -> None:
        super().__init__(reason)
        self.temporary = temporary


class TranscriberFailed(SelflineError):
    """A recogniser made nothing of a recording. The text is a short word, and never what was said in it."""


class TranscriberAway(TranscriberFailed):
    """The recogniser does not start, whatever the recording. The text says why."""
