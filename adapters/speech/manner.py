"""The same speech slower or louder, for callers who ask for it: FFmpeg's filters, through PyAV.

Slower keeps the pitch (atempo, which overlaps and adds stretches of the wave); louder keeps the peaks below clipping (alimiter), because
telephone speech is levelled to what peaks allow already.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph

from adapters.speech.audio import RATE, Samples, from_alaw, to_alaw
from ivr.core.values import Manner

TEMPO = 0.8  # of the usual speed
GAIN_DB = 8
_CHUNK = 4096
_CEILING = 0.95  # of full scale


def in_manner(alaw: bytes, manner: Manner) -> bytes:
    """A-law speech as this caller wants to hear it; as it is when they want nothing else."""
    filters: list[tuple[str, str]] = []
    if manner.slower:
        filters.append(("atempo", f"{TEMPO}"))
    if manner.louder:
        filters += [("volume", f"{GAIN_DB}dB"), ("alimiter", f"limit={_CEILING}:attack=2:release=50:level=0")]
    if not filters or not alaw:
        return alaw
    return to_alaw(_filtered(from_alaw(alaw), filters))


def _filtered(samples: Samples, filters: list[tuple[str, str]]) -> Samples:
    graph = Graph()
    source = graph.add_abuffer(format="flt", sample_rate=RATE, layout="mono", time_base=Fraction(1, RATE))
    last = source
    for name, arguments in (*filters, ("aformat", f"sample_fmts=flt:sample_rates={RATE}:channel_layouts=mono")):
        following = graph.add(name, arguments)
        last.link_to(following)
        last = following
    sink = graph.add("abuffersink")
    last.link_to(sink)
    graph.configure()
    found: list[Samples] = []
    for frame in (*_frames(samples), None):
        source.push(frame)
        found += _pulled(graph)
    return np.concatenate(found) if found else samples


def _frames(samples: Samples) -> Iterator[av.AudioFrame]:
    for start in range(0, len(samples), _CHUNK):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + _CHUNK], format="flt", layout="mono")
        frame.sample_rate = RATE
        frame.pts = start
        frame.time_base = Fraction(1, RATE)
        yield frame


def _pulled(graph: Graph) -> Iterator[Samples]:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(frame, av.AudioFrame)
        yield frame.to_ndarray().reshape(-1).astype(np.float32)
