"""Character n-grams in ARPA form: the probabilities that the file says, and a line number for each fault."""

from __future__ import annotations

import gzip
import itertools
import math
from pathlib import Path

import pytest
import torch

from gradcheck_lm import bounds
from gradcheck_lm.errors import LanguageModelError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.lm import load_language_model
from gradcheck_lm.lm.ngrams.ngram import NgramConfig, NgramModel, train_ngram

# a trigram of "a", "b" and the space, with a pruned history: "a b" continues, and there is no 2-gram "<space> b"
ARPA = """\
made by hand

\\data\\
ngram 1=6
ngram 2=4
ngram 3=2

\\1-grams:
-2.0\t<unk>
-99\t<s>\t-0.5
-1.0\t</s>
-0.5\ta\t-0.25
-0.75\tb\t-0.125
-0.6\t<space>\t-0.2

\\2-grams:
-0.2\t<s> a\t-0.1
-0.3\ta b\t-0.4
-0.7\tb </s>
-0.4\tb <space>

\\3-grams:
-0.15\t<s> a b
-0.05\ta b </s>

\\end\\
"""
# log10 p of each character, and of the end, by hand from the lines above
KNOWN = {
    "ab": (-0.2, -0.15, -0.05),  # <s> a, <s> a b, a b </s>
    "ba": (-0.5 - 0.75, -0.125 - 0.5, -0.25 - 1.0),  # back-offs of <s>, of b, of a
    "ab a": (-0.2, -0.15, -0.4 - 0.4, -0.2 - 0.5, -0.25 - 1.0),  # a b -> b <space>; no context "b <space>"
    "x": (-0.5 - 2.0, -1.0),  # the unknown character, after which nothing is known
}


def written(folder: Path, text: str = ARPA, name: str = "by-hand.arpa") -> str:
    path = folder / name
    path.write_bytes(text.encode())
    return str(path)


@pytest.mark.parametrize("text", sorted(KNOWN))
def test_a_line_costs_what_the_file_says(text: str, tmp_path: Path) -> None:
    model = load_language_model(written(tmp_path), device="cpu", dtype="float64")
    assert isinstance(model, NgramModel)
    assert model.order == 3
    nats = -math.log(10) * sum(KNOWN[text])
    assert model.nll([text]).tolist() == pytest.approx([nats], rel=1e-12)
    assert cost(model, "ab x", text) == pytest.approx(nats, rel=1e-12)


def cost(model: NgramModel, characters: str, text: str) -> float:
    """Nats of a line along the automaton."""
    automaton = model.automaton(Charset(characters), dtype=torch.float64)
    state, total = automaton.start, 0.0
    for character in text:
        column = automaton.characters.index(character)
        total += float(automaton.cost[state, column])
        state = int(automaton.next_state[state, column])
    return total + float(automaton.end_cost[state])


def test_a_pruned_model_costs_the_same_along_its_automaton(tmp_path: Path) -> None:
    """`a b` is a context, and neither `b` nor, of `c a b`, `c a`: pruned files leave such out."""
    text = """\\data\\
ngram 1=5
ngram 2=1
ngram 3=1
ngram 4=1

\\1-grams:
-0.9\t</s>
-99\t<s>
-0.5\ta
-0.6\tb
-0.7\tc

\\2-grams:
-0.2\ta b\t-0.3

\\3-grams:
-0.1\ta b c\t-0.05

\\4-grams:
-0.02\tc a b c

\\end\\
"""
    model = load_language_model(written(tmp_path, text), device="cpu", dtype="float64")
    for letters in itertools.product("abc", repeat=5):
        line = "".join(letters)
        assert cost(model, "abc", line) == pytest.approx(float(model.nll([line])), rel=1e-12), line


@pytest.mark.parametrize("name", ["by-hand.arpa.gz", "packed.lm"])
def test_packed_files_are_known_by_their_first_bytes(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(ARPA.encode()))
    plain = load_language_model(written(tmp_path), device="cpu")
    assert load_language_model(str(path), device="cpu").nll(["ab a"]).equal(plain.nll(["ab a"]))


def as_arpa(model: NgramModel) -> str:
    """A model of ours in ARPA form: an independent writer, against which the reader is held."""
    tables, symbols = model.tables, model.symbols
    names = [*model.config.characters.replace(" ", "▁"), "<unk>", *(["</s>"] if symbols.lines else []), "<s>"]
    backoffs = [
        dict(zip(c.tolist(), b.tolist(), strict=True)) for c, b in zip(tables.contexts, tables.backoffs, strict=True)
    ]
    rows: list[list[str]] = []
    for level, (codes, log_probs) in enumerate(zip(tables.codes, tables.log_probs, strict=True)):
        known = dict(zip(codes.tolist(), log_probs.tolist(), strict=True))
        if level + 1 < tables.order:  # contexts that are no n-grams themselves: those that end in the begin
            known |= {code: -99 * math.log(10) for code in backoffs[level + 1] if code not in known}
        rows.append([])
        for code, log_prob in known.items():
            digits = [code // symbols.size**place % symbols.size for place in range(level, -1, -1)]
            backoff = backoffs[level + 1].get(code) if level + 1 < tables.order else None
            behind = "" if backoff is None else f"\t{backoff / math.log(10):.17g}"
            rows[-1].append(f"{log_prob / math.log(10):.17g}\t{' '.join(names[digit] for digit in digits)}{behind}")
    head = ["\\data\\", *(f"ngram {level}={len(found)}" for level, found in enumerate(rows, 1))]
    body = [line for level, found in enumerate(rows, 1) for line in ("", f"\\{level}-grams:", *found)]
    return "\n".join([*head, *body, "", "\\end\\", ""])


@pytest.mark.parametrize("smallest_count", [1, 2])
def test_a_trained_model_comes_back_as_it_was(smallest_count: int, tmp_path: Path) -> None:
    texts = ["the first of them", "then the other", "a third one, and then", "no more than that"] * 2
    config = NgramConfig(order=4, characters=" abcdefghijklmnopqrstuvwxyz,", lines=True, smallest_count=smallest_count)
    model = train_ngram(texts, config)
    found = load_language_model(written(tmp_path, as_arpa(model)), device="cpu", dtype="float64")
    lines = ["the third", "zzz", "", "a!b", "then, no more"]
    ours = NgramModel(model.tables, config, dtype=torch.float64).nll(lines)
    assert torch.allclose(found.nll(lines), ours, rtol=1e-12, atol=1e-12)
    charset = Charset(config.characters)
    assert found.automaton(charset).states >= model.automaton(charset).states


def faults() -> dict[str, tuple[str, str]]:
    """What is wrong -> the file, and what the sentence says of it."""
    return {
        "cut off": (ARPA[: ARPA.index("-0.05")], "line 24: the file ends before all of the 2 3-grams"),
        "no end": (ARPA.replace("\\end\\\n", ""), "the file ends before \\end\\"),
        "more than announced": (ARPA.replace("ngram 2=4", "ngram 2=3"), "line 20: '\\\\3-grams:' should stand here"),
        "fewer than announced": (ARPA.replace("ngram 2=4", "ngram 2=5"), "line 22: a log-probability, 2 tokens"),
        "a word": (ARPA.replace("\tb\t", "\tbed\t"), "line 13: 'bed' is no single character"),
        "no number": (ARPA.replace("-0.3\ta b", "high\ta b"), "line 18: 'high' is no log-probability"),
        "above one": (ARPA.replace("-0.3\ta b", "0.3\ta b"), "line 18: '0.3' is no log-probability"),
        "nan": (ARPA.replace("-0.3\ta b", "nan\ta b"), "line 18: 'nan' is no log-probability"),
        "strange token": (ARPA.replace("a b\t", "a c\t"), "line 18: 'c' is not among the 1-grams"),
        "twice": (ARPA.replace("\tb\t", "\ta\t"), "line 13: 'a' stands twice"),
        "n-gram twice": (ARPA.replace("b </s>\n", "a b\n"), "line 20: one of the 2-grams above stands twice"),
        "begin inside": (ARPA.replace("a b </s>", "a <s> b"), "<s> stands only at the begin"),
        "orders out of order": (ARPA.replace("ngram 2", "ngram 3"), "line 5: the numbers of 2-grams should stand here"),
        "no character": ("\\data\\\nngram 1=1\n\n\\1-grams:\n-1\t</s>\n\\end\\\n", "holds no character"),
        "binary": ("mmap lm http://kheafield.com/code format version 5\n", "KenLM's binary form"),
        "too long a line": (ARPA.replace("made by hand", "x" * 9000), "line 1: a line of more than 4096 bytes"),
        "too many": (ARPA.replace("ngram 3=2", "ngram 3=90000000"), "at most 20 million are read"),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(faults()))
def test_a_fault_is_told_with_its_line(name: str, tmp_path: Path) -> None:
    text, said = faults()[name]
    with pytest.raises(LanguageModelError) as error:
        load_language_model(written(tmp_path, text), device="cpu")
    assert said in str(error.value)
    assert "by-hand.arpa" in str(error.value)


def test_a_packed_file_that_is_cut_off_or_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cut.arpa.gz"
    path.write_bytes(gzip.compress(ARPA.encode())[:-20])
    with pytest.raises(LanguageModelError, match="cut off"):
        load_language_model(str(path), device="cpu")
    path.write_bytes(gzip.compress(b"\n" * 100_000 + ARPA.encode()))
    monkeypatch.setattr(bounds, "ARPA", bounds.Bound(50_000, "bytes", "prune it"))
    with pytest.raises(LanguageModelError, match=r"unpacks to 50 kB, at most 50 kB are read: prune it"):
        load_language_model(str(path), device="cpu")


def test_what_an_n_gram_is_taken_for_takes_one_in_arpa_form(tmp_path: Path) -> None:
    from gradcheck_lm.lab.measuring.decoding import Fusing
    from gradcheck_lm.penalties import make_penalty

    charset, path = Charset("ab "), written(tmp_path)
    logits = torch.randn(6, 2, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    readings = Fusing(path, weight=1.0).decoding(charset, "cpu").read(logits.detach(), charset)
    assert len(readings) == 2
    model = load_language_model(path, device="cpu")
    penalty = make_penalty("ngram_expectation", model, charset, objective="sum")
    penalty(logits, None).loss.backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum() > 0


def test_all_strings_of_a_length_sum_to_what_their_beginning_has(tmp_path: Path) -> None:
    """The automaton of a model without an end, by hand: p(a) + p(b) = 1 after each history that is not pruned."""
    text = "\\data\\\nngram 1=3\nngram 2=2\n\n\\1-grams:\n-0.30103\ta\t0\n-0.30103\tb\t0\n-99\t<s>\t0\n\n\\2-grams:\n"
    text += "-0.1249387\ta a\n-0.60206\ta b\n\n\\end\\\n"
    model = load_language_model(written(tmp_path, text), device="cpu", dtype="float64")
    assert not model.config.lines
    strings = ["".join(letters) for letters in itertools.product("ab", repeat=4)]
    assert float(model.nll(strings).neg().exp().sum()) == pytest.approx(1, abs=1e-4)
