"""What the debugger says, in Japanese: every why, cure and note has both languages, and the page's switch shows it."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import re
from pathlib import Path

import pytest
import torch
from draw_samples import broken, finding, large
from draw_story import make
from stepping_zoo import BROKEN, report

import gradcheck_lm
from gradcheck_lm import diagnose
from gradcheck_lm.draw.graph import folding
from gradcheck_lm.draw.japanese import heading_ja, sentence_ja, wording_ja
from gradcheck_lm.draw.page.page import page_html
from gradcheck_lm.draw.page.report import Experiment, Report
from gradcheck_lm.draw.plots.curves import Panel, Series
from gradcheck_lm.flow.findings import notes
from gradcheck_lm.flow.findings.kind import Cause
from gradcheck_lm.flow.findings.messages import Message, Text, Told, in_language
from gradcheck_lm.flow.findings.model import KINDS, Diagnosis, Finding

MESSAGES = [one for room in (notes, folding) for one in vars(room).values() if isinstance(one, Message)]
CAUSES = [(kind.name, cause) for kind in KINDS.values() for cause in (kind.about, *kind.causes)]
FIELD = re.compile(r"\{([a-z_]+)\}")


def japanese(text: str) -> bool:
    return any(ord(letter) > 0x3000 for letter in text)


def texts_of(cause: Cause) -> list[Text]:
    return [cause.why, *cause.cures]


def both(text: Text) -> None:
    """Said in two languages, with the same values in both."""
    assert not japanese(text.en), text
    assert japanese(text.ja), text
    assert sorted(FIELD.findall(text.ja)) == sorted(FIELD.findall(text.en)), text


@pytest.mark.parametrize(("name", "cause"), CAUSES, ids=lambda value: getattr(value, "id", value))
def test_every_cause_is_told_in_both_languages(name: str, cause: Cause) -> None:
    for text in texts_of(cause):
        both(text)
    assert cause.why.en.endswith(".")
    assert cause.why.ja.endswith("。")
    assert cause.cures


def test_every_heading_and_bridge_is_told_in_both_languages() -> None:
    for kind in KINDS.values():
        both(kind.heading)
        assert kind.about.fields == frozenset(), f"{kind.name}: what is said of all its causes wants no values"
        assert (kind.bridge.how is None) != (kind.bridge.cannot is None), kind.name
        for text in (kind.bridge.how, kind.bridge.cannot):
            if text is not None:
                both(text)


def test_every_note_is_told_in_both_languages() -> None:
    assert len(MESSAGES) >= 15
    assert len({message.id for message in MESSAGES}) == len(MESSAGES)
    for message in MESSAGES:
        both(message)


def test_no_number_or_name_is_lost_in_a_note() -> None:
    told = folding._FOLDED.told(nodes=5001, groups=12, by=folding._BY_DEPTH.told(depth=3))
    assert told == "5001 nodes folded into 12 by modules 3 deep"
    assert sentence_ja(told) == "5001 個のノードを深さ 3 までのモジュールごとに 12 個にまとめました"
    assert "'lm'" in sentence_ja(notes.OPAQUE.told(term=repr("lm")))
    assert sentence_ja("a sentence that nobody knows") == "a sentence that nobody knows"


def test_a_sentence_without_its_value_is_refused() -> None:
    with pytest.raises(KeyError, match=r"wants \['term'\], and the values given are \['name'\]"):
        notes.OPAQUE.told(name="lm")


def test_braces_that_are_no_field_stay() -> None:
    text = Text("call(module, {name: made}, {x})", "{名前: 作った重み} {x}")
    assert text.fields == {"x"}
    assert text.say("en", {"x": "1"}) == "call(module, {name: made}, 1)"


def test_a_note_keeps_its_languages_where_it_is_copied_and_is_a_plain_text_in_json() -> None:
    noted = dataclasses.replace(broken(), notes=(notes.OPAQUE.told(term="'lm'"),))
    for twin in (copy.deepcopy(noted), pickle.loads(pickle.dumps(noted)), dataclasses.replace(noted, ok=False)):
        assert japanese(sentence_ja(twin.notes[0]))
    assert type(noted.to_dict()["notes"][0]) is str
    assert json.loads(noted.to_json())["notes"] == [str(noted.notes[0])]
    assert isinstance(noted.notes[0], Told)


@pytest.mark.needs("numpy")
def test_the_storys_cut_is_told_in_japanese() -> None:
    model, step = make("argmax")
    diagnosis = diagnose(step, wrt=model)
    assert diagnosis.findings[0].cause == "argmax"
    read = [Finding(**one) for one in json.loads(diagnosis.to_json())["findings"]]
    for one in (diagnosis.findings[0], read[0]):  # ids and values go through a file
        wording = wording_ja(one)
        assert wording.why.startswith("argmax は最大値の添字")
        assert all(map(japanese, (wording.title, wording.why, *wording.cures)))


def test_values_are_put_into_both_languages() -> None:
    kind = KINDS["non_finite"]
    values = (("inputs", "0 to 3"),)
    english = kind.say("forward_of_finite/logarithm", dict(values))
    one = dataclasses.replace(
        finding("non_finite", "torch.log", 1, "", 0), why=english.why, cures=english.cures, values=values,
        cause="forward_of_finite/logarithm",
    )  # fmt: skip
    assert "What enters it is finite (0 to 3)." in one.why
    assert "入る値は有限です(0 to 3)。" in wording_ja(one).why
    assert wording_ja(one).cures == kind.say("logarithm", language="ja").cures  # why of one cause, cures of the other
    with pytest.raises(KeyError, match="has no cause 'nothing'"):
        kind.say("forward/nothing")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_the_stepping_zoo_is_told_in_japanese(path: Path) -> None:
    found = report(path)
    assert found.findings
    read = [Finding(**one) for one in json.loads(found.to_json())["findings"]]
    for one in (*found.findings, *read):
        told_in_both(one)
    assert all(map(japanese, map(sentence_ja, found.notes)))


def told_in_both(one: Finding) -> None:
    """Its sentences are its kind's, in both languages with the same values."""
    values = dict(one.values)
    cause = KINDS[one.kind].cause(one.cause)
    assert values.keys() >= cause.fields
    assert (one.why, tuple(one.cures)) == (
        cause.why.say("en", values),
        tuple(cure.say("en", values) for cure in cause.cures),
    )
    wording = wording_ja(one)
    assert all(map(japanese, (wording.title, wording.why, *wording.cures))), wording
    for field in cause.why.fields:
        assert values[field] in one.why
        assert in_language(values[field], "ja") in wording.why


def test_a_sentence_that_is_this_findings_own_stays() -> None:
    own = dataclasses.replace(broken().findings[0], why="Because I say so.")
    assert wording_ja(own).why == "Because I say so."
    assert all(map(japanese, wording_ja(own).cures))
    unknown = dataclasses.replace(own, cause="of another version")
    assert wording_ja(unknown).title == KINDS[own.kind].heading.ja
    assert wording_ja(unknown).cures == own.cures


def test_what_was_off_before_the_run_is_told_so() -> None:
    weight = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        (one,) = diagnose(lambda: (weight * 2).sum(), wrt={"weight": weight}).errors
    assert one.why.endswith("It was off already when the run began.")
    wording = wording_ja(one)
    assert wording.why.startswith(KINDS["grad_disabled"].about.why.ja)
    assert wording.why.endswith("実行の開始時点ですでに無効でした。")


def test_notes_of_a_real_diagnosis_are_told_in_japanese() -> None:
    weight = torch.ones(2, requires_grad=True)
    diagnosis: Diagnosis = diagnose(lambda: torch.zeros(()), wrt={"weight": weight})
    assert diagnosis.notes
    assert all(map(japanese, map(sentence_ja, diagnosis.notes)))


@pytest.mark.needs("layout")
def test_the_pages_switch_covers_notes_folds_headings_and_cells() -> None:
    noted = dataclasses.replace(broken(), notes=(notes.OUT_OF_SIGHT.told(),))
    steps = Series([1, 2], [0.1, 0.2])
    text = page_html(
        Report(
            diagnoses={"noted": noted, "large": large(500)},
            experiments=[Experiment("Results", ["arm", "weights"], [["argmax", "= CTC alone"], ["ctc", "by chance"]])],
            curves=[Panel("Reading a new hand", "step", "gradient norm", {"ctc": steps})],
            gradients=[Panel("argmax, by module", "step", "gradient norm of lm", {"head": steps})],
        )
    )
    for english, translated in (
        (notes.OUT_OF_SIGHT.en.replace("'", "&#39;"), notes.OUT_OF_SIGHT.ja),
        ("= CTC alone", "= CTC だけ"),
        ("arm", "手法"),
        ("argmax, by module", "argmax(モジュール別)"),
        ("Reading a new hand", "新しい筆跡の読み取り"),
    ):
        assert f'<span lang="en">{english}</span><span lang="ja">{translated}</span>' in text, english
    assert "by chance</td>" in text  # what has no translation stands there once, for both
    assert re.search(
        r'<text class="label" [^>]* lang="en">step</text><text class="label" [^>]*lang="ja">ステップ', text
    )
    assert "個のノードをモジュールとソース行ごとに" in text


@pytest.mark.parametrize("name", ["argmax", "a name of the user's"])
def test_names_stay_as_they_are(name: str) -> None:
    assert heading_ja(name) == name


# words that nobody of the field uses in Japanese, though each is a fair translation of an English one
NEVER = (
    "直進推定", "ストレートスルー", "標本", "雑音", "余弦", "硬い文字", "記録器", "橋", "死んで", "死んだ", "生きて",
    "プレイヤー", "批評器", "道を", "道が", "脇道", "逆伝搬", "損失を上る",
)  # fmt: skip


def test_japanese_sentences_have_no_words_that_nobody_uses() -> None:
    """The course has a glossary; this is for all that the debugger, the laboratory and their pages say."""
    package = Path(gradcheck_lm.__file__).parent
    files = [path for path in package.rglob("*") if path.suffix in (".py", ".j2") and path.name != "glossary.py"]
    files = [path for path in files if "lessons" not in path.relative_to(package).parts]  # as an installed one has them
    assert len(files) > 400
    found = [f"{path.name}: {word}" for path in files for word in NEVER if word in path.read_text(encoding="utf-8")]
    assert found == []
