"""Record the phrases of tests/said anew: `python -m tests.said.record`, with the packages of the `voice` extra."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np

from adapters.speech import audio
from adapters.speech.neural import RATE, NeuralVoice
from tests.said import HERE

ZH = ("查询话费", "查询流量", "查询账单", "人工服务", "我要留言", "英文服务", "再听一遍", "返回上一层", "是的", "不是")
ZH_ELSE = ("今天天气怎么样", "我想订一张去北京的火车票", "喂你好", "一八五四四", "三二零九")
EN = (
    "check my balance",
    "data usage",
    "my bill",
    "talk to a person",
    "leave a message",
    "chinese please",
    "repeat that",
    "go back",
    "yes",
    "no",
)
EN_ELSE = ("what is the weather like today", "i would like to order a pizza", "hello there", "one eight five four four")
KO = {"요금 조회": "joqˈɯm ʨˈohwe", "상담원": "sˈaŋdamwɔn", "라디오": "ɾˈadio", "메모": "mˈemo"}
SPEEDS = (0.9, 1.1)


def record(cache: Path) -> None:
    """All of them."""
    for language, said, otherwise in (("zh-CN", ZH, ZH_ELSE), ("en-US", EN, EN_ELSE)):
        voice = NeuralVoice(language, cache)
        spoken = [(text, True, voice.say(text, speed)) for text in said for speed in SPEEDS]
        spoken += [(text, False, voice.say(text)) for text in otherwise]
        _keep(language, spoken)
    voice._styles = _japanese(cache)
    _keep("ko", [(text, True, voice._run(phonemes, speed)[0]) for text, phonemes in KO.items() for speed in SPEEDS])


def _japanese(cache: Path) -> audio.Samples:
    (archive,) = cache.glob("kokoro-js-*.tgz")
    with tarfile.open(archive) as packed:
        file = packed.extractfile("package/voices/jf_alpha.bin")
        assert file is not None
        return np.frombuffer(file.read(), dtype="<f4").reshape(510, 1, 256)


def _keep(language: str, spoken: list[tuple[str, bool, audio.Samples]]) -> None:
    folder = HERE / language
    folder.mkdir(exist_ok=True)
    index = []
    for number, (text, in_grammar, samples) in enumerate(spoken):
        clip = audio.levelled(audio.to_telephone(audio.trimmed(samples, RATE), RATE))
        name = f"{number:02}.alaw"
        (folder / name).write_bytes(audio.to_alaw(clip))
        index.append({"file": name, "text": text, "in_grammar": in_grammar})
    (folder / "index.json").write_text(json.dumps(index, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    import sys

    record(Path(sys.argv[1] if len(sys.argv) > 1 else "var/voice"))
