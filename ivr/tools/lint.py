"""Reading a line's files: its prompts and its flows, with every problem they have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.core.flow import Flow, names_of_choices, prompts_of_flow
from ivr.core.values import LookupSignature, Text
from ivr.errors import UserError
from ivr.language.loader import load_flow
from ivr.language.problems import Problem, in_order
from ivr.language.prompts import LANGUAGES, Catalogue, read_catalogue


@dataclass(frozen=True, slots=True)
class Linted:
    """What came of reading some flows: those without errors, by the path they were read from, and all problems in order.

    `sources`: for each path, every file that was read for the flow, itself and the prompts included.
    """

    flows: Mapping[str, Flow]
    problems: tuple[Problem, ...]
    sources: Mapping[str, tuple[Path, ...]]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop a flow."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


def shown(path: Path, home: Path) -> str:
    """A path as people read it: relative to the project when it lies in it."""
    return str(path.resolve().relative_to(home)) if path.resolve().is_relative_to(home) else str(path)


def read_text(path: Path, home: Path) -> str:
    """A file's text. Raises UserError when it cannot be read or is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {shown(path, home)}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{shown(path, home)} is not a text file in UTF-8: byte {error.start + 1} is wrong") from error


def read_prompts(home: Path) -> tuple[Catalogue, tuple[Problem, ...]]:
    """All of prompts/<language>.yaml."""
    return read_catalogue((file.stem, read_text(file, home), shown(file, home)) for file in prompts_files(home))


def prompts_files(home: Path) -> tuple[Path, ...]:
    """The prompts files there are."""
    return tuple(file for language in LANGUAGES if (file := home / "prompts" / f"{language}.yaml").exists())


class FilesBeside:
    """The files beside a flow, by the names the flow gives them; `read` are those it asked for. Nothing above its folder is read."""

    def __init__(self, flow: Path, home: Path) -> None:
        self._folder = flow.resolve().parent
        self._home = home
        self.read: list[Path] = []

    def __call__(self, name: str) -> tuple[str, str] | None:
        """The path as people read it, and the text. Raises UserError for a file that cannot be read or is no text."""
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            return None
        self.read.append(path)
        return shown(path, self._home), read_text(path, self._home)


def lint(paths: Iterable[Path], home: Path, signatures: Mapping[str, LookupSignature]) -> Linted:
    """Compile flows. Raises UserError for a file that cannot be read at all."""
    catalogue, found = read_prompts(home)
    problems = list(found)
    flows: dict[str, Flow] = {}
    sources: dict[str, tuple[Path, ...]] = {}
    for path in paths:
        beside = FilesBeside(path, home)
        loaded = load_flow(read_text(path, home), shown(path, home), catalogue, signatures, beside)
        problems.extend(loaded.problems)
        sources[str(path)] = (path, *dict.fromkeys(beside.read), *prompts_files(home))
        if loaded.flow is not None:
            flows[str(path)] = loaded.flow
    return Linted(flows, in_order(problems), sources)


def fixed_texts(flow: Flow) -> Mapping[str, tuple[str, ...]]:
    """The fixed words a flow says, per language: what recordings should exist for."""
    texts: dict[str, dict[str, None]] = {language: {} for language in flow.languages}
    for prompt in prompts_of_flow(flow):
        for language, pieces in prompt.pieces.items():
            texts[language].update({piece.text: None for piece in pieces if isinstance(piece, Text)})
    for language, phrases in names_of_choices(flow).items():
        texts[language].update(dict.fromkeys(phrases))
    return {language: tuple(found) for language, found in texts.items()}
