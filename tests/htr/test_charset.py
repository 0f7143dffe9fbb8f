"""The characters and their classes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradcheck_lm.errors import ArgumentError, CharsetError
from gradcheck_lm.htr import Charset

STANDARD = Charset.standard()


def test_standard_is_the_79_characters() -> None:
    assert STANDARD.characters == (" !\"#&'()*+,-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    assert (len(STANDARD.characters), STANDARD.size) == (79, 80)


def test_class_0_is_the_blank() -> None:
    charset = Charset("abc ")
    assert charset.encode("cab ") == [3, 1, 2, 4]
    assert charset.encode("") == []
    assert charset.decode([3, 1, 2, 4]) == "cab "
    assert charset.decode(torch.tensor([1, 1])) == "aa"


@given(st.text(alphabet=Charset.STANDARD, max_size=30))
def test_decode_undoes_encode(text: str) -> None:
    assert STANDARD.decode(STANDARD.encode(text)) == text


def test_encode_batch_is_what_ctc_loss_takes() -> None:
    flat, lengths = Charset("abc").encode_batch(["ab", "", "c"])
    assert flat.tolist() == [1, 2, 3]
    assert lengths.tolist() == [2, 0, 1]
    assert flat.dtype == lengths.dtype == torch.long
    logits = torch.randn(5, 3, 4)
    loss = torch.nn.functional.ctc_loss(logits.log_softmax(2), flat, torch.full((3,), 5), lengths)
    assert torch.isfinite(loss)


def test_encode_batch_of_nothing() -> None:
    flat, lengths = Charset("abc").encode_batch([])
    assert flat.shape == lengths.shape == (0,)


def test_encode_names_the_text_the_characters_and_the_cure() -> None:
    with pytest.raises(CharsetError, match=r"'naïve café'.*79.*'ï' \(U\+00EF\), 'é' \(U\+00E9\).*clean") as caught:
        STANDARD.encode("naïve café")
    assert "Charset.clean" in str(caught.value)


def test_a_long_text_is_quoted_around_the_character() -> None:
    with pytest.raises(CharsetError) as caught:
        STANDARD.encode("x" * 500 + "é" + "y" * 500)
    assert "xé" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_encode_batch_of_one_string_is_a_mistake() -> None:
    with pytest.raises(ArgumentError, match="wrap it in a list"):
        STANDARD.encode_batch("abc")


@pytest.mark.parametrize(("ids", "words"), [([0], "0 is the blank"), ([5], "classes 1 to 4"), ([-1], "classes 1 to 4")])
def test_decode_refuses_what_is_no_character(ids: list[int], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        Charset("abc ").decode(ids)


def test_covers_clean_and_missing() -> None:
    charset = Charset("abc")
    assert charset.covers("cab")
    assert not charset.covers("cab!")
    assert charset.clean("c-a-b!") == "cab"
    assert charset.missing("a!b?!") == "!?"
    assert Charset("abc").missing_from(Charset("bcd")) == "a"


def test_equality_hash_and_repr() -> None:
    assert Charset("abc") == Charset("abc")
    assert Charset("abc") != Charset("acb")
    assert Charset("abc") != "abc"
    assert len({Charset("abc"), Charset("abc")}) == 1
    assert eval(repr(Charset("a'\"b"))) == Charset("a'\"b")


def test_bad_charsets() -> None:
    with pytest.raises(ArgumentError, match="at least one character"):
        Charset("")
    with pytest.raises(ArgumentError, match=r"more than once.*'a' \(U\+0061\)"):
        Charset("aba")
