"""Speech to meaning: what may be said at a question, and which key or entry was meant by what was heard.

A phrase stands for a key, so that whatever a caller can do by speaking they can do with the keys, and the rest of the flow knows no
difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ivr.core.commands import Grammar
from ivr.core.events import Hypothesis
from ivr.core.flow import Asks, Collect, Flow, Menu, ReadsList, keys_at, phrases_at, said_for
from ivr.core.state import CallState

MOST_OFFERS = 2  # so often a caller is asked "did you mean"; then the question is asked anew


@dataclass(frozen=True, slots=True)
class Understood:
    """What was meant: the key that a phrase stands for, or digits that were said (no phrase)."""

    entry: str
    phrase: str
    confidence: float
    sure: bool


def grammar(flow: Flow, state: CallState, node: Asks) -> Grammar | None:
    """What may be said at a question; None when nobody listens. Secrets are never spoken, and half an entry is ended with keys."""
    if flow.speech is None or state.language in state.deaf or state.partial or (isinstance(node, Collect) and node.secret):
        return None
    digits = node.max_digits if isinstance(node, Collect) and node.spoken and not state.offered else 0
    phrases = _phrases(flow, state, node)
    return Grammar(state.language, tuple(phrases), digits) if phrases or digits else None


def understood(flow: Flow, state: CallState, node: Asks, hypotheses: Iterable[Hypothesis]) -> tuple[Understood, ...]:
    """What may have been meant, the likeliest first, each key once; what was heard too unsurely is nothing.

    Digits are as sure as can be: they are read back before they count.
    """
    speech = flow.speech
    assert speech is not None
    phrases, found = _phrases(flow, state, node), dict[str, Understood]()
    for one in sorted(hypotheses, key=lambda one: -one.confidence):
        if one.confidence < speech.unsure:
            continue
        if (key := phrases.get(one.text)) is not None:
            sure = one.confidence >= speech.sure or not _asks_back(state, node, one.text)
            found.setdefault(key, Understood(key, one.text, one.confidence, sure))
        elif isinstance(node, Collect) and node.spoken and not state.offered:
            found.setdefault(one.text, Understood(one.text, "", one.confidence, sure=True))
    return tuple(found.values())


def worth_offering(meanings: Iterable[Understood]) -> tuple[str, ...]:
    """The keys to ask about, the likeliest first."""
    return tuple(one.entry for one in meanings if one.phrase)[:MOST_OFFERS]


def name_of(flow: Flow, state: CallState, node: Asks, key: str) -> str:
    """What a key is called when the line asks whether it was meant: the first of its phrases."""
    name = said_for(_phrases(flow, state, node, offering=False), key)
    assert name is not None
    return name


def _asks_back(state: CallState, node: Asks, phrase: str) -> bool:
    """Whether it is worth asking about: words that every line knows (yes and no, and those for pages) do no harm."""
    everyday = isinstance(node, ReadsList) or (isinstance(node, Menu) and not node.asks_back)
    return not (state.offered or (everyday and phrase in phrases_at(node).get(state.language, {})))


def _phrases(flow: Flow, state: CallState, node: Asks, *, offering: bool | None = None) -> Mapping[str, str]:
    """What may be said and the key it stands for. A key of the node's own means here what it means there, also when it is spoken."""
    speech = flow.speech
    assert speech is not None
    if state.offered if offering is None else offering:
        phrases, own_keys = speech.answers, {speech.yes, speech.no}
    else:
        phrases, own_keys = phrases_at(node), set(keys_at(node))
    own, everywhere = phrases.get(state.language, {}), flow.universal_phrases.get(state.language, {})
    return {**own, **{phrase: key for phrase, key in everywhere.items() if phrase not in own and key not in own_keys}}
