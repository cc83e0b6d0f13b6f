"""Drawings of flows, with what their conversations have been through, and Graphviz to make pictures of them."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from adapters.backoffice.signatures import SIGNATURES
from ivr.bootstrap.calls import traffic_on
from ivr.bootstrap.conversations import flow_of, hold_all, scripts_of
from ivr.config import Settings
from ivr.core.flow import Flow
from ivr.errors import UserError
from ivr.tools.conversations import read_script
from ivr.tools.coverage import travelled
from ivr.tools.edges import Edge
from ivr.tools.graph import Drawing, draw
from ivr.tools.graph_formats import to_dot, to_mermaid, to_text
from ivr.tools.lint import read_text, shown
from ivr.tools.traffic import drawn

PATIENCE = 60  # seconds; Graphviz takes a second for a large line


def draw_flow(path: Path, home: Path, format_: str, *, coverage: bool) -> str:
    """The drawing as text. Raises UserError for a flow with errors, and where Graphviz is needed but not there."""
    flow = flow_of(path, home)
    drawing = draw(flow, _travelled(flow, path, home) if coverage else None)
    return FORMATS[format_](drawing)


def draw_traffic(path: Path, settings: Settings, format_: str, since: dt.date | None) -> str:
    """The drawing with the real calls of the journal. Raises UserError, also when there are none to show."""
    flow, traffic = traffic_on(settings, path, since)
    when = f" since {since}" if since else ""
    if not traffic.calls:
        left_out = "; ".join(f"{count} {reason}" for reason, count in sorted(traffic.left_out.items()))
        raise UserError(f"the journal has no call of this flow{when}{f' (not shown: {left_out})' if left_out else ''}")
    told = [f"×: how often{when}; ■: where and how calls ended"]
    return FORMATS[format_](drawn(flow, traffic, told))


def write_drawing(path: Path, drawn: str) -> None:
    """Raises UserError when the file cannot be written."""
    try:
        path.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def _travelled(flow: Flow, path: Path, home: Path) -> Mapping[Edge, int]:
    """How often the conversations about this flow took each edge."""
    scripts = [script for script in scripts_of(home) if _is_about(script, path, home)]
    return travelled(flow, (one.outcome.passages for one in hold_all(scripts, home)))


def _is_about(script: Path, flow: Path, home: Path) -> bool:
    read, _ = read_script(read_text(script, home), shown(script, home), SIGNATURES)
    return read is not None and (script.parent / read.flow).resolve() == flow.resolve()


def _to_svg(drawing: Drawing) -> str:
    try:
        made = subprocess.run(
            ["dot", "-Tsvg"],  # noqa: S607 - the Graphviz that is installed
            input=to_dot(drawing),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=True,
        )
    except FileNotFoundError as error:
        raise UserError(
            "a picture needs Graphviz, which is not installed: apt-get install graphviz; or use --format mermaid or text"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise UserError(f"Graphviz took more than {PATIENCE} s for this flow; use --format text") from error
    except subprocess.CalledProcessError as error:
        raise UserError(f"Graphviz could not draw this flow: {str(error.stderr).strip()}") from error
    return made.stdout


FORMATS: Mapping[str, Callable[[Drawing], str]] = {"svg": _to_svg, "dot": to_dot, "mermaid": to_mermaid, "text": to_text}
