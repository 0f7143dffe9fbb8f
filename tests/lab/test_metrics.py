"""Error rates, intervals, alignments."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.lab.measuring.metrics import (
    bootstrap_interval,
    character_errors,
    length_ratio,
    t_interval,
    word_errors,
)
from gradcheck_lm.lab.measuring.mistakes import align, find_mistakes, vocabulary


def levenshtein(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def test_rates_agree_with_the_textbook_distance() -> None:
    generator = np.random.default_rng(0)
    pairs = [("".join(generator.choice(list("abc "), generator.integers(0, 9))) for _ in range(2)) for _ in range(200)]
    labels, readings = (list(side) for side in zip(*pairs, strict=True))
    found = character_errors(labels, readings)
    expected = [levenshtein(a.strip(), b.strip()) for a, b in zip(labels, readings, strict=True)]
    assert found.edits.tolist() == expected
    assert found.rate == pytest.approx(sum(expected) / sum(len(a.strip()) for a in labels))


def test_empty_sides_count_as_insertions_or_deletions() -> None:
    assert character_errors(["", "abc", ""], ["xy", "", ""]).edits.tolist() == [2, 3, 0]
    assert word_errors(["one two"], [""]).edits.tolist() == [2]


def test_uneven_sides_are_refused() -> None:
    with pytest.raises(ArgumentError, match="2 labels but 1 readings"):
        character_errors(["a", "b"], ["a"])


def test_bootstrap_excludes_zero_for_a_clear_change_and_holds_it_for_none() -> None:
    labels = ["abcdefghij"] * 60
    bad = ["abcdefgxyz"] * 60
    good = ["abcdefghiz"] * 60
    low, high = bootstrap_interval(character_errors(labels, bad), character_errors(labels, good))
    assert low == pytest.approx(-0.2)
    assert high == pytest.approx(-0.2)
    mixed = [good[0] if i % 2 else bad[0] for i in range(60)]
    other = [bad[0] if i % 2 else good[0] for i in range(60)]
    low, high = bootstrap_interval(character_errors(labels, mixed), character_errors(labels, other))
    assert low < 0 < high


def test_bootstrap_refuses_other_lines() -> None:
    with pytest.raises(ArgumentError, match="same lines"):
        bootstrap_interval(character_errors(["ab"], ["ab"]), character_errors(["abc"], ["abc"]))


def test_t_interval() -> None:
    low, high = t_interval([1.0, 2.0, 3.0])  # 2 +- 4.3027 * 1 / sqrt(3)
    assert (low, high) == (pytest.approx(2 - 2.48414, abs=1e-4), pytest.approx(2 + 2.48414, abs=1e-4))
    assert t_interval([1.0]) == (float("-inf"), float("inf"))


def test_length_ratio() -> None:
    assert length_ratio(["abcd", "ef"], ["abc", ""]) == 0.5


def test_the_storys_mistakes() -> None:
    label = "Become a success with a disc and hey presto! You're a star.... Rolly sings with"
    reading = "Become a success with a dise and hey presto. You're a starm. Rolly sings with"
    spans = align(label, reading)
    assert "".join(span.label for span in spans) == label
    assert "".join(span.reading for span in spans) == reading
    found = find_mistakes([label], [reading], vocabulary(["a star is not a disc"]))
    assert ("c", "e", 1) in found.confusions
    assert found.wrong_words == 2  # dise, starm
    assert found.not_words == 2
    assert find_mistakes([label], [reading], vocabulary(["to dise"])).not_words == 1


def test_a_perfect_reading_has_no_mistakes() -> None:
    found = find_mistakes(["abc", ""], ["abc", ""])
    assert (found.wrong_lines, found.substitutions, found.confusions, found.examples) == (0, 0, (), ())
    assert found.share_not_words == 0.0
