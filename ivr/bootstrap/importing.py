"""Files of other systems read, carried over, and held against the language before anybody sees the flow."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from ivr.bootstrap.conversations import lint_all
from ivr.errors import UserError
from ivr.language.problems import Problem
from ivr.tools.importing import Imported, Source, import_flow
from ivr.tools.importing.document import MAX_BYTES

MAX_FILES = 500


def import_files(
    paths: Sequence[Path], *, form: str | None, language: str | None, line: str | None, start: str | None, output: Path | None
) -> Imported:
    """Carry files over; the flow is written to `output` if that is given. Raises UserError, also when a file is there already."""
    if len(paths) > MAX_FILES:
        raise UserError(f"at most {MAX_FILES} files are carried over at once")
    if output is not None and output.exists():
        raise UserError(f"{output} is there already; name another file, or move it away")
    if line is None and output is not None:
        line = output.stem
    imported = import_flow([Source(str(path), _read(path)) for path in paths], form=form, language=language, line=line, start=start)
    if output is not None:
        try:
            output.write_text(imported.text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write {output}: {error.strerror}") from error
    return imported


def problems_of(imported: Imported, home: Path) -> tuple[Problem, ...]:
    """What is wrong with an imported flow: nothing, unless the prompts files lack the prompts that selfline comes with."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "imported.yaml"
        path.write_text(imported.text, encoding="utf-8")
        return lint_all((path,), home).errors


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
