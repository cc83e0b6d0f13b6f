"""What `ivr lookups` tells of: the back office that flows of this line are checked against."""

from __future__ import annotations

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.values import LookupSignature


def lookups() -> tuple[LookupSignature, ...]:
    """Its look-ups, in the order in which it declares them."""
    return tuple(SIGNATURES.values())
