"""Cutting utterances into what was recorded and the pauses between."""

from __future__ import annotations

from decimal import Decimal

from ivr.calls.utterances import Pause, Piece, pieces_of, pieces_of_text
from ivr.core.flow import Flow
from ivr.core.values import Kind, SpokenValue, Text, Utterance
from ivr.language.prompts import read_catalogue
from ivr.speech import inventory
from ivr.tools.prompts import fixed_pieces, fixed_prompts, needed
from tests.conftest import CATALOGUE

FULL_STOP, COMMA, GROUP = Pause(0.35), Pause(0.18), Pause(0.12)


def test_a_text_is_cut_into_sentences_and_keeps_its_commas() -> None:
    """A sentence is recorded in one breath, so that it has one melody."""
    cut = pieces_of_text("抱歉，没有查到您的号码。您可以留言，我们会给您回电。")

    assert cut == (Piece("抱歉，没有查到您的号码。"), FULL_STOP, Piece("您可以留言，我们会给您回电。"), FULL_STOP)


def test_what_follows_a_value_begins_with_its_pause() -> None:
    assert pieces_of_text("，本月还剩流量") == (COMMA, Piece("本月还剩流量"))
    assert pieces_of_text(". Please top up soon.") == (FULL_STOP, Piece("Please top up soon."), FULL_STOP)


def test_a_piece_remembers_how_the_voice_falls_at_its_end() -> None:
    """The same words go on, hang or end."""
    assert pieces_of_text("还剩")[0] == Piece("还剩")
    assert pieces_of_text("还剩，")[0] == Piece("还剩，")
    assert pieces_of_text("还剩。")[0] == Piece("还剩。")


def test_a_full_stop_within_a_word_does_not_end_a_sentence() -> None:
    assert [piece.text for piece in pieces_of_text("Open at nine a.m. Goodbye.") if isinstance(piece, Piece)][-1] == "Goodbye."


def test_marks_alone_are_a_pause() -> None:
    assert pieces_of_text("。") == (FULL_STOP,)
    assert pieces_of_text(" ") == ()


def test_an_utterance_is_pieces_and_fragments_in_order_without_silence_at_its_ends() -> None:
    """The caller can answer at once: no pause is played after the last word."""
    balance = SpokenValue(Kind.MONEY, Decimal("35.60"))
    utterance = Utterance("zh-CN", (Text("，您的账户余额是"), balance, Text("。"), Text("请尽快充值。")))

    assert pieces_of(utterance) == (Piece("您的账户余额是"), Piece("三十五元"), Piece("六角"), FULL_STOP, Piece("请尽快充值。"))


def test_a_number_is_read_in_groups() -> None:
    reference = SpokenValue(Kind.DIGITS, "100861")

    cut = pieces_of(Utterance("zh-CN", (reference,)))

    assert GROUP in cut
    assert "".join(piece.text for piece in cut if isinstance(piece, Piece)) == "幺零零八六幺"


def test_pauses_that_meet_become_the_longest() -> None:
    utterance = Utterance("zh-CN", (Text("抱歉，"), Text("。"), Text("请按一。")))

    assert pieces_of(utterance) == (Piece("抱歉，"), FULL_STOP, Piece("请按一。"))


def test_an_utterance_without_parts_has_no_pieces() -> None:
    assert pieces_of(Utterance("zh-CN", ())) == ()


def test_the_recordings_needed_are_the_fixed_pieces_and_the_inventory() -> None:
    catalogue, problems = read_catalogue(
        [("zh-CN", "due: 您的账户余额是{{ account.balance | money }}，请尽快充值。\n", "prompts/zh-CN.yaml")]
    )

    wanted = needed(catalogue)["zh-CN"]

    assert problems == ()
    assert set(wanted) == {"您的账户余额是", "请尽快充值。", *inventory("zh-CN")}
    assert list(wanted) == sorted(set(wanted))


def test_the_prompts_that_a_flow_brings_along_are_recorded_too(quick_line: Flow) -> None:
    nothing, _ = read_catalogue([])

    assert "请在提示音后留言，说完请按井号键，或直接挂机。" in needed(nothing, [quick_line])["zh-CN"]


def test_each_piece_an_utterance_can_contain_was_asked_for() -> None:
    """What the build records is what the voice looks for."""
    amount = SpokenValue(Kind.MONEY, Decimal(5))
    before, after = Text("您的账户余额是"), Text("，请尽快充值。谢谢！")

    spoken = [item.text for item in pieces_of(Utterance("zh-CN", (before, amount, after))) if isinstance(item, Piece)]

    assert tuple(text for text in spoken if text != "五元") == fixed_pieces((before, after))


def test_a_prompt_with_a_value_in_it_is_not_fixed() -> None:
    fixed = fixed_prompts(CATALOGUE)

    assert fixed["zh-CN"]["noinput"] == "没有听到您的按键。"
    assert {"rescue_apology", "rescue_saved", "rescue_full"} <= fixed["zh-CN"].keys() & fixed["en-US"].keys()
    assert "balance" not in fixed["zh-CN"]
