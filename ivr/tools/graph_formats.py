"""Drawings as text: Graphviz, Mermaid, and a tree for the terminal."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Mapping

from ivr.tools.graph import Arrow, Box, Drawing
from ivr.tools.graph_words import cut, width_of, wrapped
from ivr.tools.traffic import is_bad

FONT = "Noto Sans CJK SC,Source Han Sans SC,Microsoft YaHei,PingFang SC,Helvetica,Arial,sans-serif"
_INK, _QUIET, _TROUBLE, _GREEN, _BAD = "#1f2937", "#9ca3af", "#b45309", "#15803d", "#b91c1c"

# shape: Graphviz shape, fill, line
_LOOKS: Mapping[str, tuple[str, str, str]] = {
    "say": ("box", "#ffffff", "#6b7280"),
    "menu": ("box", "#dbeafe", "#2563eb"),
    "form": ("box", "#dbeafe", "#2563eb"),
    "list": ("box", "#dbeafe", "#2563eb"),
    "hours": ("hexagon", "#fef9c3", "#a16207"),
    "text": ("note", "#dcfce7", "#15803d"),
    "lookup": ("cylinder", "#ede9fe", "#7c3aed"),
    "branch": ("hexagon", "#fef9c3", "#a16207"),
    "set": ("box", "#f9fafb", "#9ca3af"),
    "message": ("box", "#dcfce7", "#15803d"),
    "goto": ("box", "#f9fafb", "#9ca3af"),
    "call": ("box", "#f3e8ff", "#7c3aed"),
    "return": ("box", "#f9fafb", "#9ca3af"),
    "transfer": ("box", "#ffedd5", "#c2410c"),
    "hangup": ("box", "#e5e7eb", "#374151"),
}
_DOES = {
    "say": "says", "menu": "menu", "form": "form", "lookup": "looks up", "branch": "branch", "set": "sets", "message": "takes a message",
    "list": "reads", "hours": "hours of", "text": "sends text", "goto": "goes on", "call": "calls", "return": "returns",
    "transfer": "transfers to", "hangup": "hangs up",
}  # fmt: skip


# --- Graphviz ---


def to_dot(drawing: Drawing) -> str:
    """For Graphviz; the call goes from top to bottom."""
    return "\n".join(_dot(drawing)) + "\n"


def _dot(drawing: Drawing) -> Iterator[str]:
    legend = "".join(f'<tr><td align="left"><font point-size="11">{html.escape(line)}</font></td></tr>' for line in drawing.legend)
    title = f'<tr><td align="left"><font point-size="20"><b>{html.escape(drawing.title)}</b></font></td></tr>'
    yield f"digraph {_quoted(drawing.title)} {{"
    yield f"  graph [rankdir=TB, nodesep=0.2, ranksep=0.42, fontname={_quoted(FONT)}, fontcolor={_quoted(_INK)}, bgcolor=white, pad=0.3,"
    yield f'         labelloc=t, labeljust=l, label=<<table border="0" cellspacing="0" cellpadding="3">{title}{legend}</table>>]'
    yield f'  node [fontname={_quoted(FONT)}, fontsize=11, fontcolor={_quoted(_INK)}, margin="0.1,0.06", penwidth=1.1]'
    yield f"  edge [fontname={_quoted(FONT)}, fontsize=10, arrowsize=0.7]"
    yield '  "the call" [shape=circle, label="☎", width=0.45, fixedsize=true, fontsize=16, '
    yield '              style=filled, fillcolor="#374151", fontcolor="white"]'
    rows = _rows(drawing)
    for number, (cluster, boxes) in enumerate(drawing.clusters.items()):
        if cluster:
            yield f"  subgraph cluster_{number} {{"
            file = (
                f'  <font point-size="9" color="#6b7280">{html.escape(drawing.files[cluster])}</font>' if cluster in drawing.files else ""
            )
            yield f"    graph [label=<<b>sub-flow {html.escape(cluster)}</b>{file}>, labeljust=l,"
            yield '           style="rounded,filled", color="#d8b4fe", fillcolor="#faf5ff"]'
        yield from (f"    {_dot_box(box, overlaid=drawing.overlaid, calls=drawing.calls)}" for box in boxes)
        if cluster:
            yield from (f"    {_dot_row(row)}" for row in rows[cluster])  # outside, it would take its boxes out of the cluster
            yield "  }"
    yield f'  "the call" -> {_quoted(drawing.start)} [color={_quoted(_INK)}, weight=10]'
    yield from (f"  {_dot_arrow(arrow, drawing.calls)}" for arrow in drawing.arrows)
    yield from (f"  {_dot_row(row)}" for row in rows[""])
    yield "}"


def _dot_row(row: list[str]) -> str:
    return f"{{ rank=same; edge [style=invis]; {' -> '.join(map(_quoted, row))} }}"


def _rows(drawing: Drawing) -> Mapping[str, list[list[str]]]:
    """For each cluster, nodes to stand side by side in the order of the keys or conditions that lead to them: those that nothing else
    leads to."""
    boxes = {box.name: (cluster, box.shape) for cluster, inside in drawing.clusters.items() for box in inside}
    inbound = Counter(arrow.target for arrow in drawing.arrows)
    rows: dict[str, list[str]] = {name: [] for name, (_, shape) in boxes.items() if shape in ("menu", "branch", "hours")}
    for arrow in drawing.arrows:
        beside = boxes[arrow.source][0] == boxes[arrow.target][0] and inbound[arrow.target] == 1
        if arrow.source in rows and beside and arrow.mood in ("way", "else"):
            rows[arrow.source].append(arrow.target)
    found: dict[str, list[list[str]]] = {cluster: [] for cluster in drawing.clusters}
    for name, row in rows.items():
        if len(row) > 1:
            found[boxes[name][0]].append(row)
    return found


def _dot_box(box: Box, *, overlaid: bool, calls: int | None = None) -> str:
    shape, fill, line = _LOOKS[box.shape]
    style = "filled,rounded" if shape == "box" else "filled"
    if overlaid:
        fill, line = ("#dcfce7", _GREEN) if box.taken else ("#f3f4f6", _QUIET)
        style += "" if box.taken else ",dashed"
    if calls is not None and not box.count:
        fill, line, style = "#f3f4f6", _QUIET, style + ",dashed"
    cells, lines = (36, 4) if box.shape in ("menu", "form", "list") else (26, 2)
    ink = line if box.shape != "say" else "#6b7280"
    rows = [f'<font point-size="9" color="{ink}"><b>{html.escape(box.title)}</b>{_times(box, calls)}</font>']
    rows += [html.escape(line) for line in wrapped(box.words, cells, lines)]
    rows += [f'<font point-size="9" color="#c2410c"><b>{html.escape(badge)}</b></font>' for badge in box.badges]
    rows += [f'<font point-size="9" color="#6b7280">◆ {html.escape(counted)}</font>' for counted in box.counted]
    rows += [f'<font point-size="9" color="#2563eb">{html.escape(_way_back(box, arrow))}</font>' for arrow in box.back]
    rows += [f'<font point-size="9" color="#b91c1c">not tried: {html.escape(", ".join(box.missing))}</font>'] if box.missing else []
    rows += [f'<font point-size="10" color="{_ended_colour(line)}"><b>■ {html.escape(line)}</b></font>' for line in box.ended]
    cell = "".join(f'<tr><td align="left">{row}</td></tr>' for row in rows)
    label = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{cell}</table>'
    bold = {
        "menu": ", penwidth=2",
        "form": ", penwidth=2",
        "list": ", penwidth=2",
        "call": ", peripheries=2",
        "transfer": ", peripheries=2",
    }.get(box.shape, "")
    looks = f'shape={shape}, style="{style}", fillcolor="{fill}", color="{line}"{bold}'
    return f"{_quoted(box.name)} [label=<{label}>, {looks}, tooltip={_quoted(box.place)}]"


def _times(box: Box, calls: int | None) -> str:
    return f" ×{box.count:,}" if calls is not None and box.count else ""


def _ended_colour(ended: str) -> str:
    return _BAD if is_bad(ended) else "#374151"


def _dot_arrow(arrow: Arrow, calls: int | None = None) -> str:
    colour = {"trouble": _TROUBLE, "else": "#6b7280", "inside": "#7c3aed"}.get(arrow.mood, _INK)
    if arrow.taken is not None:
        colour = _GREEN if arrow.taken else "#6b7280"
    style = "dashed" if arrow.mood in ("trouble", "inside") or arrow.taken is False else "solid"
    looks = f'color="{colour}", fontcolor="{colour}", style={style}'
    looks += f", weight={1 if arrow.mood in ('trouble', 'inside') else 4}"
    if calls is not None:
        looks = looks.replace(colour, _QUIET) if not arrow.count else f"{looks}, penwidth={1 + 5 * min(1, arrow.count / calls):.1f}"
    name, mark, times = arrow.label.partition("×")
    label = html.escape(name.strip() if mark else name)
    key, _, phrase = label.partition(" ")
    if key and len(key) <= 4 and not key.isalpha() and phrase[:1] in ("", "“") and arrow.mood == "way":
        label = f'<font point-size="13"><b>{key}</b></font>' + (f" {phrase}" if phrase else "")
    label += f" {mark}{html.escape(times)}" if mark else ""
    return f"{_quoted(arrow.source)} -> {_quoted(arrow.target)} [{looks}" + (f", label=<{_padded(label)}>]" if label else "]")


def _padded(label: str) -> str:
    """A label that does not touch its arrow."""
    return f'<table border="0" cellspacing="0" cellpadding="4"><tr><td>{label}</td></tr></table>'


def _way_back(box: Box, arrow: Arrow) -> str:
    untried = " (not tried)" if box.taken and not arrow.taken else ""
    return f"{arrow.label + ' ' if arrow.label else ''}↩ {arrow.target.rpartition('/')[2]}{untried}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# --- Mermaid ---

_MERMAID: Mapping[str, tuple[str, str]] = {
    "say": ("(", ")"), "menu": ("[", "]"), "form": ("[/", "/]"), "lookup": ("[(", ")]"), "branch": ("{{", "}}"), "set": ("(", ")"),
    "message": ("[\\", "/]"), "goto": ("(", ")"), "call": ("[[", "]]"), "list": ("[", "]"), "hours": ("{{", "}}"),
    "text": ("[/", "\\]"), "return": ("((", "))"), "transfer": (">", "]"), "hangup": ("([", "])"),
}  # fmt: skip


def to_mermaid(drawing: Drawing) -> str:
    """For Mermaid, which GitHub and GitLab draw in Markdown."""
    return "\n".join(_mermaid(drawing)) + "\n"


def _mermaid(drawing: Drawing) -> Iterator[str]:
    yield "flowchart TD"
    yield f'  legend["{"<br/>".join(map(_plain, (drawing.title, *drawing.legend)))}"]:::legend'
    yield "  begin((☎))"
    for cluster, boxes in drawing.clusters.items():
        if cluster:
            file = f"  {drawing.files[cluster]}" if cluster in drawing.files else ""
            yield f'  subgraph {_id(cluster)}__["sub-flow {_plain(cluster + file)}"]'
        yield from (f"    {_mermaid_box(box, overlaid=drawing.overlaid, calls=drawing.calls)}" for box in boxes)
        if cluster:
            yield "  end"
    yield f"  begin --> {_id(drawing.start)}"
    for arrow in drawing.arrows:
        line = "-.->" if arrow.mood in ("trouble", "inside") or arrow.taken is False else "-->"
        label = f'|"{_plain(arrow.label)}"|' if arrow.label else ""
        yield f"  {_id(arrow.source)} {line}{label} {_id(arrow.target)}"
    for shape, (_, fill, line) in _LOOKS.items():
        yield f"  classDef {shape}_ fill:{fill},stroke:{line},color:{_INK}"
    yield f"  classDef taken fill:#dcfce7,stroke:{_GREEN},color:{_INK}"
    yield f"  classDef untaken fill:#f3f4f6,stroke:{_QUIET},color:#6b7280,stroke-dasharray:4"
    yield "  classDef legend fill:none,stroke:none,text-align:left"


def _mermaid_box(box: Box, *, overlaid: bool, calls: int | None = None) -> str:
    opening, closing = _MERMAID[box.shape]
    rows = [
        f"<b>{_plain(box.title)}</b>{_times(box, calls)}",
        *map(_plain, wrapped(box.words, 30, 3)),
        *(_plain(badge) for badge in box.badges),
    ]
    rows += [f"◆ {_plain(counted)}" for counted in box.counted]
    rows += [_plain(_way_back(box, arrow)) for arrow in box.back]
    rows += [f"not tried: {_plain(', '.join(box.missing))}"] if box.missing else []
    rows += [f"<b>■ {_plain(line)}</b>" for line in box.ended]
    looks = ("taken" if box.taken else "untaken") if overlaid else f"{box.shape}_"
    looks = "untaken" if calls is not None and not box.count else looks
    return f'{_id(box.name)}{opening}"{"<br/>".join(rows)}"{closing}:::{looks}'


def _id(name: str) -> str:
    """A name that is no word of Mermaid's own."""
    return "n_" + name.replace("/", "__")


def _plain(text: str) -> str:
    """Text that Mermaid takes for text."""
    escaped = text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
    return escaped.replace("`", "#96;")


# --- the terminal ---


def to_text(drawing: Drawing, width: int = 120) -> str:
    """A list in the order of the file: each node with its first words, and the ways on from it."""
    boxes = [box for cluster in drawing.clusters.values() for box in cluster]
    ways: dict[str, list[Arrow]] = {box.name: [] for box in boxes}
    for arrow in drawing.arrows:
        ways[arrow.source].append(arrow)
    column = max(len(box.name + _times(box, drawing.calls)) for box in boxes) + 2
    verbs = max(len(_DOES[box.shape]) for box in boxes) + 2
    lines = [drawing.title, *(f"  {line}" for line in drawing.legend)]
    for cluster, inside in drawing.clusters.items():
        lines += ["", f"sub-flow {cluster}{f'  ({drawing.files[cluster]})' if cluster in drawing.files else ''}"] if cluster else [""]
        for box in inside:
            arrows = [*ways[box.name], *box.back]
            name = box.name + _times(box, drawing.calls)
            lines += _text_box(box, arrows, f"{_tick(box.taken)}{name:<{column}}{_DOES[box.shape]:<{verbs}}", width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _text_box(box: Box, arrows: list[Arrow], head: str, width: int) -> Iterator[str]:
    """One way on stands behind the words, several below them."""
    single = f"  → {arrows[0].target}" if len(arrows) == 1 and not arrows[0].label else ""
    badges = "".join(f"  ({badge})" for badge in box.badges) + "".join(f"  ◆ {counted}" for counted in box.counted)
    yield f"{head}{cut(box.words, max(16, width - width_of(head + single + badges)))}{single}{badges}"
    if not single:
        labels = max((width_of(arrow.label) for arrow in arrows), default=0)
        for arrow in arrows:
            padding = " " * (labels - width_of(arrow.label))
            yield f"    {_tick(arrow.taken)}{arrow.label}{padding} → {arrow.target}"
    if box.missing:
        yield f"    ✗ not tried: {', '.join(box.missing)}"
    yield from (f"    ■ {line}" for line in box.ended)


def _tick(taken: bool | None) -> str:
    return {None: "", True: "✓ ", False: "✗ "}[taken]
