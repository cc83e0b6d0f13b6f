"""What may be said on a line, held against the words that its recogniser knows: a word that it does not know is never heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ivr.core.flow import Asks, Flow, phrases_at
from ivr.core.marks import Mark
from ivr.language.problems import Problem

UnknownWords = Callable[[str, Sequence[str]], Sequence[str]]
"""The words of these phrases (in a language) that its recogniser cannot hear."""


def unheard(flow: Flow, unknown_words: UnknownWords) -> tuple[Problem, ...]:
    """A problem for each phrase with a word that cannot be heard, where the phrase may be said."""
    return tuple(_unheard(flow, unknown_words))


def _unheard(flow: Flow, unknown_words: UnknownWords) -> Iterator[Problem]:
    for mark, place, language, phrases in _places(flow):
        unknown = set(unknown_words(language, phrases))
        for phrase in phrases:
            words = sorted(word for word in unknown if word in phrase)
            if words:
                named = f"the word{'s' * (len(words) > 1)} {', '.join(words)}" if words != [phrase] else "it"
                yield Problem(
                    mark, "unheard", f"{place}: '{phrase}' can never be heard: the recogniser for {language} does not know {named}"
                )


def _places(flow: Flow) -> Iterator[tuple[Mark, str, str, tuple[str, ...]]]:
    for node in flow.nodes.values():
        for language, meanings in phrases_at(node).items() if isinstance(node, Asks) else ():
            yield node.mark, f"node '{node.name}'", language, tuple(meanings)
    for language, meanings in flow.universal_phrases.items():
        yield flow.mark, "'universals'", language, tuple(meanings)
