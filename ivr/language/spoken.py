"""What a caller may say in place of a key: the phrases of a flow, read and held against one another, and words that every line knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ivr.core.flow import Phrases
from ivr.core.marks import Mark
from ivr.language import forms
from ivr.language.problems import Problem, did_you_mean
from ivr.language.reader import Reader, kind_of
from ivr.language.source import ListSource, MappingSource, ScalarSource, Source

MAX_PHRASE = 40
_WORDS = re.compile(r"[^\W\d_]+(?:[ '’-][^\W\d_]+)*")

YES_AND_NO: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "zh-CN": (("是的", "是", "对", "对的", "没错", "正确"), ("不是", "不", "不对", "错了")),
    "en-US": (("yes", "yeah", "right", "correct"), ("no", "nope", "wrong")),
}
PAGES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "zh-CN": (("下一页", "继续"), ("上一页",), ("结束", "停止")),
    "en-US": (("next", "next page", "go on"), ("previous", "previous page"), ("stop", "enough")),
}


def known_words(words: Mapping[str, tuple[tuple[str, ...], ...]], languages: Iterable[str], keys: Sequence[str]) -> Phrases:
    """Words that every line knows, each for the key that has its place."""
    return {
        language: {phrase: key for key, phrases in zip(keys, words[language], strict=True) for phrase in phrases} for language in languages
    }


@dataclass(slots=True)
class Phrasebook:
    """The phrases of one menu, or of the keys that work everywhere, as they are read."""

    languages: tuple[str, ...]
    problems: list[Problem]
    languages_unsure: bool = False  # one of them was misspelt, so nothing is said of missing or undeclared ones
    phrases: dict[str, dict[str, str]] = field(default_factory=dict)
    first: Mark | None = None

    def choice(self, key: str, source: Source) -> ScalarSource | None:
        """Where a key leads: a node, or a mapping with `then` and what may be said for it, which is noted."""
        if isinstance(source, ScalarSource):
            return source
        if not (isinstance(source, MappingSource) and {name.text for name, _ in source.entries} & set(forms.CHOICE)):
            self.problems.append(Problem(source.mark, "wrong-type", f"choice {key} must name a node"))
            return None
        reader = Reader(source, f"choice {key}", self.problems, form=forms.CHOICE)
        target, said = reader.text("then"), reader.source("say")
        if said is not None:
            self.first = self.first or reader.key_mark("say")
            self._read(key, said)
        reader.done()
        return target

    def _read(self, key: str, source: Source) -> None:
        by_language = source.entries if isinstance(source, MappingSource) else ((None, source),)
        named = [self.languages[0] if name is None else name.text for name, _ in by_language]
        for language, (name, phrases) in zip(named, by_language, strict=True):
            if language in self.languages:
                for phrase, mark in self._texts(phrases):
                    self._note(language, phrase, key, mark)
            elif name is not None and not self.languages_unsure:
                hint = did_you_mean(language, self.languages)
                self.problems.append(Problem(name.mark, "unknown-language", f"the flow does not speak '{language}'{hint}"))
        missing = [language for language in self.languages if language not in named]
        if missing and not self.languages_unsure:
            self.problems.append(Problem(source.mark, "missing-language", f"choice {key} has no phrase in {', '.join(missing)}"))

    def _texts(self, source: Source) -> Iterator[tuple[str, Mark]]:
        sources = source.items if isinstance(source, ListSource) else (source,)
        if not sources:
            self.problems.append(Problem(source.mark, "bad-value", "'say' needs at least one phrase"))
        for one in sources:
            if not isinstance(one, ScalarSource) or one.is_null:
                self.problems.append(Problem(one.mark, "wrong-type", f"a phrase must be a text, not {kind_of(one)}"))
                continue
            phrase = " ".join(one.text.split())
            if len(phrase) > MAX_PHRASE:
                self.problems.append(Problem(one.mark, "bad-value", f"a phrase may have {MAX_PHRASE} characters at most"))
            elif _WORDS.fullmatch(phrase) is None:
                sentence = f"'{phrase}' cannot be listened for: write words, without digits and marks"
                self.problems.append(Problem(one.mark, "bad-value", sentence))
            else:
                yield phrase, one.mark

    def _note(self, language: str, phrase: str, key: str, mark: Mark) -> None:
        known = self.phrases.setdefault(language, {})
        same = next((one for one in known if one.casefold() == phrase.casefold()), None)
        if same is None:
            known[phrase] = key
        elif known[same] == key:
            self.problems.append(Problem(mark, "bad-value", f"'{phrase}' is there twice"))
        else:
            self.problems.append(Problem(mark, "bad-value", f"'{phrase}' is said for {known[same]} already"))
