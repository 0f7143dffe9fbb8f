"""Lesson 12: on your own code.

A training script with three cuts, asked by `run`, by a pytest test and in the middle of a training.
Run it: python lessons/l12_your_own_code/lesson.py --lang ja
"""

import contextlib
import importlib.util
import io
import os
import sys
import tempfile
from pathlib import Path

import torch

import gradcheck_lm as gc
from gradcheck_lm.course.checking.judge import load
from gradcheck_lm.course.folder.catalogue import solution_of
from gradcheck_lm.course.folder.generator import answer_from, read_holes
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, option, picture, say, show, table
from gradcheck_lm.course.toys import story
from gradcheck_lm.flow.scripts.runner import run_script

trainer = option(
    "--trainer",
    "no",
    ja="yes なら、transformers の Trainer も実際に動かします(読み込みに数秒かかります)。",
    en="yes runs the Trainer of transformers as well, which takes seconds to load.",
    values=("no", "yes"),
)
begin(__file__)

RECORDED = [
    [0, "GF201 left_torch", "train.py:42"],
    [0, "GF202 new_leaf", "train.py:42"],
]  # by `--trainer yes`: the step, and what the callback finds there
SOURCE = solution_of(Path(__file__).resolve().parent).read_text(encoding="utf-8")
BROKEN = {hole.name: "\n".join(hole.broken) for hole in read_holes(SOURCE)}
CUTS = ("letters", "nats", "mean")
workshop = tempfile.TemporaryDirectory()


def script(fixed):
    """The training script in a file of its own, with the first so many of its cuts fixed."""
    folder = Path(workshop.name) / f"fixed-{fixed}"
    folder.mkdir(exist_ok=True)
    file = folder / "train.py"
    file.write_text(answer_from(SOURCE, {name: BROKEN[name] for name in CUTS[fixed:]}), encoding="utf-8")
    return file


def parts(file):
    """The script as a module."""
    return load(file)


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
broken = parts(script(0))
say(
    ja="あなたの学習スクリプトです。エラーは出ません。CTC の損失は下がり、ペナルティの値も多少は変化します(`0.1` "
    "を掛けた値です)。",
    en="This is your training script. There is no error, the CTC loss falls, and the penalty moves about a "
    "little (what is printed is `0.1` times it).",
)
code(broken.letters)
code(broken.nats)
code(broken.penalty)
printed = io.StringIO()
with contextlib.redirect_stdout(printed):
    broken.main()
show(printed.getvalue().rstrip())

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="切断は三か所にあります。最初の一つだけを直したら、ペナルティの勾配は届くでしょうか。診断の結果はどう変わるでしょうか。",
    en="There are three cuts. If you fix only the first one, will a gradient of the penalty arrive? "
    "And what will the diagnosis say?",
    choices=[
        choice(ja="届く。診断は何も見つけない", en="it arrives, and the diagnosis finds nothing"),
        choice(ja="届かない。診断は同じまま", en="it does not, and the diagnosis stays the same"),
        choice(ja="届かない。診断の先頭が下流に移る", en="it does not, and the diagnosis moves downstream", right=True),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
say(
    ja="スクリプトを変えずに、`python -m gradcheck_lm run train.py` で調べます。"
    "オプティマイザが二度更新するまで実行し、オプティマイザが持つパラメータについて診断します。",
    en="Leave the script as it is and ask with `python -m gradcheck_lm run train.py`. "
    "It runs until the optimizer has stepped twice, and its diagnosis is about the parameters that it holds.",
)


def run_quietly(file):
    """What `run` says of a script; what the script itself prints is not shown again."""
    with contextlib.redirect_stdout(io.StringIO()):
        return run_script(file)


seen = run_quietly(script(0))
picture(seen, "run")
holds(not seen.ok and seen.errors, "the broken script is not ok")

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
say(
    ja="切断は上流から順に並びます。一つ直すたびに、もう一度 `run` を実行しました。",
    en="The cuts are listed from upstream to downstream. After each one that was fixed, `run` was asked again.",
)
rows, names = [], ["-", *CUTS]
for fixed, name in enumerate(names):
    diagnosis = run_quietly(script(fixed)) if fixed else seen
    cuts = diagnosis.errors
    first = cuts[0] if cuts else None
    rows.append([name, len(cuts), f"{first.kind} train.py:{first.line}" if first else "none", str(diagnosis.ok)])
table(["fixed last", "cuts", "first cut", "diagnosis.ok"], rows)
holds(
    [row[3] for row in rows] == ["False"] * 3 + ["True"] and len({row[2] for row in rows}) == 4, "it moves downstream"
)
say(
    ja="直すたびに、最初の切断は下流へ移り、最後まで勾配は届きません。三つ目の切断は二つに数えられています。"
    "値が torch を出る所と、新しいテンソルになって戻る所です。"
    "「直したのに変わらない」ときは、後ろに次の切断があるのかもしれません。",
    en="With each one fixed the first cut moves downstream, and no gradient arrives before the last. "
    "The third counts as two: where the value goes out of torch, and where it comes back as a new tensor. "
    '"I fixed it and nothing changed" need not mean that the fix was wrong: there may be another cut behind it.',
)


def attributed(file):
    """The gradient norm of each term at the recogniser, and the values of the terms."""
    module = parts(file)
    recogniser, _, frames = story()
    terms = module.terms_of(recogniser, module.frozen_judge(), frames)
    return gc.attribute(terms, wrt=recogniser), terms


norms = []
for fixed in (len(CUTS) - 1, len(CUTS)):
    attribution, terms = attributed(script(fixed))
    norms.append([fixed, attribution.norm("ctc"), attribution.norm("penalty"), f"{attribution.share('penalty'):.1%}"])
table(["fixed", "gradient norm of ctc", "gradient norm of penalty", "share of penalty"], norms)
say(
    ja="`run` の診断にあるペナルティの値は `0.1` を掛けた {value:.4f} です。直した後の勾配のノルムは CTC のおよそ "
    "{share:.1%} しかありません。届くことは学習の条件であって、効き目の保証ではありません。重みは別に決めます。",
    en="The value of the penalty in the diagnosis of `run` is {value:.4f}, with the factor `0.1`. After the fix its "
    "gradient norm is about {share:.1%} of that of CTC: that a gradient arrives is a condition of learning, not a "
    "promise of effect. The weight is a decision of its own.",
    value=terms["penalty"].item(),
    share=norms[-1][2] / norms[-1][1],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
healthy = parts(script(len(CUTS)))
recogniser, _, frames = story()
judge = healthy.frozen_judge()
comparison = gc.compare_gradients(lambda: healthy.penalty(judge, recogniser(frames)), wrt=recogniser)
show("compare_gradients", comparison.verdict)
say(
    ja="経路があり、0 でなく、有限差分とも合います(`{verdict}`)。"
    "次は、誰かが明日また壊しても気づくように、テストにします。pytest のプラグインには `gradient_flow` があります。",
    en="There is a path, it is not zero, and it agrees with finite differences (`{verdict}`). "
    "Now make it a test, so that you notice when somebody breaks it tomorrow: the pytest plugin brings the fixture "
    "`gradient_flow`.",
    verdict=comparison.verdict,
)
TEST = """
import train
from gradcheck_lm.course.toys import story

def test_every_term_teaches(gradient_flow):
    recogniser, _, frames = story()
    judge = train.frozen_judge()
    gradient_flow(lambda: train.terms_of(recogniser, judge, frames), recogniser)
""".lstrip()
show(TEST.rstrip())


def outcome_of_test(folder):
    """What pytest says of the test beside a script; without pytest, what the fixture itself says."""
    if importlib.util.find_spec("pytest") is None:
        module = parts(folder / "train.py")
        recogniser, _, frames = story()
        try:
            gc.assert_gradient_flows(lambda: module.terms_of(recogniser, module.frozen_judge(), frames), recogniser)
        except gc.GradientFlowError:
            return "failed"
        return "passed"
    import pytest

    (folder / "test_train.py").write_text(TEST, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    kept, sys.path[:] = list(sys.path), [str(folder), *sys.path]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # other plugins of this installation are not our business
    options = ["-q", "--import-mode=importlib", "--assert=plain", "--capture=sys", f"--rootdir={folder}"]
    plugins = ["-p", "gradcheck_lm.integrations.pytest_plugin", "-p", "no:cacheprovider", "-p", "no:faulthandler"]
    plugins += ["-p", "no:unraisableexception"]  # which walks all of memory, over and over
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            ended = pytest.main([*options, *plugins, str(folder)])
    finally:
        sys.path[:] = kept
        for name in ("train", "test_train"):  # the next folder has others of the same names
            sys.modules.pop(name, None)
        del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
    return {0: "passed", 1: "failed"}.get(int(ended), f"pytest ended with {ended}")


told_by_test = [[fixed, outcome_of_test(script(fixed).parent)] for fixed in (len(CUTS) - 1, len(CUTS))]
table(["fixed", "test"], told_by_test)
holds([row[1] for row in told_by_test] == ["failed", "passed"], "the test passes only where all is fixed")
say(
    ja="最後は、学習の途中で勾配が届かなくなる項です。自分のループなら "
    "`GradientWatch` が、どのステップの、どの行で途切れたかを報告します。"
    "ここでは、`30` ステップ目からペナルティを `clamp` で 0 に固定しました。",
    en="Last, a term that dies in the middle of a training. In a loop of your own `GradientWatch` says at which step, "
    "and on which line. Here a `clamp` closes the penalty from step `30` on.",
)


def training(watch, steps=60):
    optimizer = torch.optim.SGD(recogniser.parameters(), lr=0.05)
    for step in range(steps):
        optimizer.zero_grad()
        with watch.recording():
            terms = healthy.terms_of(recogniser, judge, frames)
            if step >= 30:
                terms["penalty"] = (terms["penalty"] - 9).clamp(min=0)
        watch.terms(terms)
        sum(terms.values()).backward()
        watch.step()
        optimizer.step()


code(training)
watch = gc.GradientWatch(recogniser, every=10, write=None)
training(watch)
table(
    ["step", "term", "finding", "where"],
    [[one["step"], one["what"].removeprefix("term "), f"{one['code']} {one['kind']}", f"lesson.py:{one['line']}"]
     for one in watch.events if one["state"] == "dead"],
)  # fmt: skip
say(
    ja="transformers の `Trainer` と Lightning には、同じことをするコールバックがあります。"
    "`callbacks=[GradientFlowCallback(every=100)]` と渡すだけです。三つ目の切断を残したスクリプトでは、次の行を挙げます"
    "(記録した結果です。`--trainer yes` を付けると、実際に動かします)。",
    en="The `Trainer` of transformers and Lightning have a callback that does the same: "
    "pass `callbacks=[GradientFlowCallback(every=100)]`, and that is all. For the script with its third cut left in it "
    "names these lines (recorded; with `--trainer yes` it is run).",
)


def told_by_the_callback():
    """What the callback of transformers' Trainer sees at the first step of the script with its last cut left in."""
    from transformers import Trainer, TrainingArguments

    from gradcheck_lm.integrations.transformers_callback import GradientFlowCallback

    module = parts(script(len(CUTS) - 1))

    class Both(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.recogniser = story()[0]

        def forward(self, frames):
            return {"loss": sum(module.terms_of(self.recogniser, judge, frames.permute(1, 0, 2)).values())}

    with tempfile.TemporaryDirectory() as place:
        arguments = TrainingArguments(
            place, max_steps=2, per_device_train_batch_size=1, report_to="none", save_strategy="no",
            logging_strategy="no", disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False,
        )  # fmt: skip
        data = [{"frames": frames[:, 0]} for _ in range(2)]
        with contextlib.redirect_stdout(io.StringIO()):
            callback = GradientFlowCallback(every=100, write=None)
            Trainer(Both(), arguments, train_dataset=data, callbacks=[callback]).train()
    first = callback.diagnoses[0]
    return [[first.step, f"{one.code} {one.kind}", f"train.py:{one.line}"] for one in first.diagnosis.errors]


seen_in_trainer = RECORDED
if trainer == "yes":
    seen_in_trainer = told_by_the_callback()
    holds(seen_in_trainer == RECORDED, "the callback says what was recorded")
table(["step", "finding", "where"], seen_in_trainer)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習のファイルは、このスクリプトそのものです。五か所に同じ印があり、三か所は切断、二か所は健康です。"
    "直す前に `run` で調べ、直すたびに、診断が移るのを見てください。最後に、何も見つけないテストを直します。",
    en="The file of the exercise is this very script. Five places are marked alike: three of them cut, two are "
    "healthy. Ask `run` before you touch anything, and after each fix watch the diagnosis move. Last, fix a test "
    "that finds nothing.",
)
workshop.cleanup()
finish()
