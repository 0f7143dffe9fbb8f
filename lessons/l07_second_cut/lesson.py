"""Lesson 7: the second cut.

CTC reads twelve frames and writes four letters. On the way from frames to letters there is one more cut.
Run it: python lessons/l07_second_cut/lesson.py --lang ja
"""

import torch
import torch.nn.functional as F

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, table
from gradcheck_lm.course.toys import ALPHABET, MISREADING, collapse, ctc, one_hot, story, taught_lm
from gradcheck_lm.htr.ctc import character_posteriors

begin(__file__)

recogniser, _, frames = story(dtype=torch.float64)
language_model = taught_lm(dtype=torch.float64)


def broken_score(logits):
    classes = logits[:, 0].argmax(-1)
    runs = torch.unique_consecutive(classes)
    letters = F.one_hot(runs[runs != 0], len(ALPHABET)).to(logits.dtype)
    return language_model(letters)


def all_frames(logits):
    return language_model(logits[:, 0].softmax(-1))


def one_fix(logits):
    soft = logits[:, 0].softmax(-1)
    hard = F.one_hot(soft.argmax(-1), len(ALPHABET))
    frames = hard + (soft - soft.detach())  # value of hard, gradient of soft
    classes = frames @ torch.arange(len(ALPHABET), dtype=soft.dtype)
    runs = torch.unique_consecutive(classes)
    ids = runs[runs != 0].long()
    letters = F.one_hot(ids, len(ALPHABET)).to(soft.dtype)
    return language_model(letters)


def first_finding(score):
    """The first cut on the way of the data, as a row of a table."""
    diagnosis = gc.diagnose(lambda: score(recogniser(frames)), wrt=recogniser)
    finding = diagnosis.findings[0]
    return diagnosis, [score.__name__, finding.code, finding.op, finding.source]


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
logits = recogniser(frames)
path = "".join(ALPHABET[one] for one in logits[:, 0].argmax(-1).tolist())
say(
    ja="前の課では、一つのフレームが一つの文字でした。CTC では違います。{count} 個のフレームを「{path}」と読み、"
    "縮約して「{text}」という文字列にします。",
    en='In the last lesson each frame was a letter. In CTC it is not: {count} frames are read as "{path}", '
    'and the collapse makes the string "{text}" of them.',
    count=len(frames),
    path=path,
    text=collapse(logits[:, 0].argmax(-1).tolist()),
)
rows = [
    ["string", broken_score(logits), str(broken_score(logits).requires_grad)],
    ["all frames, soft", all_frames(logits), str(all_frames(logits).requires_grad)],
]
table(["what is scored", "nats per letter", "requires_grad"], rows)
say(
    ja="ソフト埋め込みを全部のフレームに使うと、勾配は届きます。しかし言語モデルは「{path}」を読まされるので、"
    "値がまったく違います。縮約は省けません。",
    en='Soft embeddings of all frames do let a gradient through. But then the language model reads "{path}", '
    "and the value is another one altogether: the collapse cannot be left out.",
    path=MISREADING,
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
code(broken_score)
ask(
    ja="`argmax` だけを直したとします(順伝播では同じ値、逆伝播では softmax の勾配)。勾配は認識器に届くでしょうか。"
    "届かないなら、次の切れ目はどの行でしょうか。",
    en="Suppose that `argmax` alone is fixed: the same value forward, the gradient of a softmax backward. "
    "Does a gradient arrive at the recogniser? If not, on which line is the next cut?",
    choices=[
        choice(ja="届く", en="it arrives"),
        choice(ja="届かない。次は `unique_consecutive` の行", en="no: next comes the line with `unique_consecutive`",
               right=True),
        choice(ja="届かない。次は `one_hot` の行", en="no: next comes the line with `one_hot`"),
        choice(ja="届かない。次は言語モデルの中", en="no: next comes the language model"),
    ],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
diagnosis, before = first_finding(broken_score)
picture(diagnosis, "before")
probe = diagnosis.what_if(diagnosis.findings[0])
rows = [
    ["bridged", f"{probe.finding.op} (line {probe.finding.line})"],
    ["gradient arrives", str(probe.arrives)],
    ["next cut", f"{probe.next_cut.op} (line {probe.next_cut.line})"],
    ["source", probe.next_cut.source],
]
table(["diagnosis.what_if", "value"], rows)
holds(not probe.arrives and probe.next_cut.op == "torch.unique_consecutive", "the next cut is unique_consecutive")
say(
    ja="コードを書き換える前に、診断に問い合わせることができます。`what_if` は、その切れ目を仮につないで、"
    "もう一度実行します。"
    "`argmax` を直しても勾配は届かず、次は `{op}` で切れるという答えです。",
    en="Before any code is changed the diagnosis can be asked: `what_if` puts a bridge over that one cut, as a probe, "
    "and runs the program again. With `argmax` fixed no gradient arrives yet; the next cut is `{op}`.",
    op=probe.next_cut.op,
)
code(one_fix)
fixed, after = first_finding(one_fix)
picture(fixed, "after-one-fix")
table(["program", "code", "operation", "source"], [before, after])
say(
    ja="実際に直してみても、同じ結果です。`requires_grad` は `{alive}` のままで、"
    "診断の先頭は `{first}` から `{second}` へ、下流に動きました。",
    en="Mending it for real shows the same. `requires_grad` is still `{alive}`, and the head of the diagnosis "
    "has moved downstream, from `{first}` to `{second}`.",
    alive=one_fix(logits).requires_grad,
    first=before[2],
    second=after[2],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
say(
    ja="縮約は「となりのフレームと等しいか」「ブランクか」を調べます。答えは「はい」か「いいえ」なので、"
    "少しずつ変わることがありません。これも階段です。",
    en="The collapse asks whether a frame equals its neighbour, and whether it is a blank. The answer is yes or no "
    "and never changes by a little: one more staircase.",
)
rows = []
for share in (0.0, 0.5, 0.99, 1.01, 2.0):
    moved = logits.detach().clone()
    for frame in (0, 1):  # the two that read "d"
        moved[frame, 0, 0] += share * (moved[frame, 0].max() - moved[frame, 0, 0])
    rows.append([f"{share:.0%}", collapse(moved[:, 0].argmax(-1).tolist()), broken_score(moved)])
table(["blank raised to", "string", "nats per letter"], rows)
early, late = {row[2].item() for row in rows[:3]}, {row[2].item() for row in rows[3:]}
holds(len(early) == len(late) == 1 and early != late, "the score stays, and jumps once")
say(
    ja="最初の文字の二つのフレームで、ブランクのロジットを文字のロジットに向けて上げました。"
    "追い越すまでスコアは {start:.4f} のままで、追い越すと文字が一つ消えて {end:.4f} に飛びます。",
    en="In the two frames of the first letter the blank's logits were raised toward the letter's. Until they overtake, "
    "the score stays {start:.4f}; then one letter is gone, and it jumps to {end:.4f}.",
    start=rows[0][2],
    end=rows[-1][2],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")


def soft_letters(logits):
    path = logits.argmax(-1)  # says which frames belong together, no more
    starts = path != 0
    starts[1:] &= path[1:] != path[:-1]
    place = starts.cumsum(0) - 1  # the letter that each frame belongs to
    kept = path != 0
    posteriors = logits[kept, 1:].softmax(-1)  # without the blank
    sums = posteriors.new_zeros(int(starts.sum()), posteriors.shape[1])
    sums = sums.index_add(0, place[kept], posteriors)
    return sums / torch.bincount(place[kept])[:, None]


def soft_score(logits):
    letters = F.pad(soft_letters(logits[:, 0]), (1, 0))  # the language model has a class for the blank as well
    return language_model(letters)


code(soft_letters)
letters = soft_letters(logits[:, 0])
ours = character_posteriors(logits, logits.argmax(-1))[0]
certain = one_hot(MISREADING, dtype=torch.float64)
same = soft_letters(1000.0 * certain) - one_hot(collapse(certain.argmax(-1).tolist()), dtype=torch.float64)[:, 1:]
comparison = gc.compare_gradients(lambda: soft_score(recogniser(frames)), wrt=recogniser)
healthy = gc.diagnose(lambda: soft_score(recogniser(frames)), wrt=recogniser)
found = torch.autograd.grad(soft_score(logits), logits, retain_graph=True)[0]
rows = [
    ["rows of the letters, each sums to 1", f"{(letters.sum(1) - 1).abs().max():.1g} off"],
    ["certain frames give the collapsed string", f"{same.abs().max():.1g} off"],
    ["same as gradcheck_lm.htr.ctc.character_posteriors", str(torch.allclose(letters, ours))],
    ["diagnosis.ok", str(healthy.ok)],
    ["gradient norm", float(found.norm())],
    ["compare_gradients", comparison.verdict],
]
table(["proof", "value"], rows)
say(
    ja="どのフレームがどの文字に属するかは、`argmax` で決めて固定します。その中の確率を平均すると、"
    "縮約のあとの文字が確率になります。経路があり、0 でなく、値も合っています(`{verdict}`)。",
    en="Which frames belong to which letter is decided by `argmax`, and stays fixed. The mean of the probabilities "
    "within is a probability for each letter behind the collapse. "
    "There is a path, it is not zero, and its value is right (`{verdict}`).",
    verdict=comparison.verdict,
)
rows = []
for name, term in {"soft_score": soft_score(logits), "ctc": ctc(logits)}.items():
    gradient = torch.autograd.grad(term, logits, retain_graph=True)[0]
    rows.append([name, gradient[:, :, 1:].norm(), gradient[:, :, 0].norm()])
table(["term", "gradient norm at the letters", "gradient norm at the blank"], rows)
holds(rows[0][2] == 0, "the blank gets no gradient")
say(
    ja="ただし、代償があります。文字の区切りは固定なので、ブランクのロジットの勾配はちょうど {blank:g} です。"
    "文字を別の文字に替える方向には勾配がありますが、文字を増やす方向にも、消す方向にもありません。",
    en="It has its price. As the segments are fixed, the gradient at the logits of the blank is exactly {blank:g}: "
    "it pulls towards replacing a letter, and nothing in it pulls towards inserting or deleting one.",
    blank=rows[0][2],
)
moving, rows, jumps = logits.detach().clone(), [], []
text = collapse(moving[:, 0].argmax(-1).tolist())
for step in range(100):
    leaf = moving.clone().requires_grad_()
    value = soft_score(leaf)
    (found,) = torch.autograd.grad(value, leaf)
    now = collapse(moving[:, 0].argmax(-1).tolist())
    if len(now) > len(text):
        jumps.append((step, value.item() - rows[-1][2]))
    if step == 0 or now != text:
        rows.append([step, f'"{now}"', value.item(), float(found[:, :, 0].abs().max())])
    text, moving = now, moving - 5.0 * found
table(["step", "reading", "soft score", "gradient norm at the blank"], rows)
holds(jumps and jumps[0][1] > 0 and all(row[3] == 0 for row in rows), "a letter is inserted, and the score jumps up")
say(
    ja="それでも文字が増えることはあります。学習率 `5` の勾配降下では、{step} ステップ目に一つの文字の二つのフレームが"
    "別の文字に分かれ、区切りが `argmax` で引き直されて、読みが長くなりました。そのときスコアは下がらず、"
    "跳ね上がります。"
    "勾配が導いたのではなく、偶然です。",
    en="Letters do get inserted all the same. In gradient descent with the rate `5`, at step {step}, two frames of one "
    "letter parted, `argmax` drew the segments anew, and the reading grew longer. The score did not fall then, it "
    "jumped up: no gradient led there, it was an accident.",
    step=jumps[0][0] if jumps else "-",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、フレームを文字に分ける関数、文字の確率を求める関数、そして、"
    "後ろに隠れた切れ目まで全部見つける関数を直します。"
    "サブワードの言語モデルなら、縮約の後ろのトークナイザが三つ目の切れ目です。",
    en="In the exercise you fix a function that assigns frames to letters, one that gives the letters' probabilities, "
    "and one that finds all cuts, those hidden behind the first too. "
    "With a subword language model the tokeniser behind the collapse is a third cut.",
)
finish()
