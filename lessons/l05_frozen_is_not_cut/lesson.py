"""Lesson 5: frozen is not cut.

The language model's weights should stay; the gradient should still go through it, to the recogniser.
Run it: python lessons/l05_frozen_is_not_cut/lesson.py --lang ja
"""

import torch

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, show, table
from gradcheck_lm.course.toys import NeuralLM, story

begin(__file__)

recogniser, _, frames = story()
torch.manual_seed(0)
language_model = NeuralLM()


def probabilities():
    return recogniser(frames)[:, 0].softmax(-1)


def as_it_is():
    return language_model(probabilities())


def under_no_grad():
    letters = probabilities()
    with torch.no_grad():
        return language_model(letters)


def under_inference_mode():
    letters = probabilities()
    with torch.inference_mode():
        return language_model(letters)


def of_detached_input():
    return language_model(probabilities().detach())


def in_evaluation_mode():
    language_model.eval()
    return language_model(probabilities())


def frozen():
    language_model.requires_grad_(False)
    return language_model(probabilities())


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="言語モデルの重みは変えたくありません。そこで `no_grad` で囲みました。すると認識器も学習しなくなりました。",
    en="The language model's weights should not change, so it was put under `no_grad`. "
    "Now the recogniser does not learn.",
)
code(under_no_grad)
show("under_no_grad().requires_grad", under_no_grad().requires_grad)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="`no_grad`、`inference_mode`、`detach`、`eval()`、`requires_grad_(False)` の五つのうち、"
    "言語モデルの重みに勾配が届かなくなるのはどれでしょうか。認識器にも届かなくなるのはどれでしょうか。"
    "認識器にだけ届くのは、次のどれでしょうか。",
    en="Of `no_grad`, `inference_mode`, `detach`, `eval()` and `requires_grad_(False)`: which keep a gradient from the "
    "language model's weights? And which keep it from the recogniser too? With which of these does it arrive at the "
    "recogniser alone?",
    choices=[
        choice(ja="`no_grad` と `inference_mode`", en="`no_grad` and `inference_mode`"),
        choice(ja="`eval()`", en="`eval()`"),
        choice(ja="`requires_grad_(False)`", en="`requires_grad_(False)`", right=True),
        choice(ja="`detach`", en="`detach`"),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")


def arrives(loss, parameters):
    """The norm of the gradient that arrives at some parameters, or why there is none."""
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    if not loss.requires_grad or not parameters:
        return "none"
    found = [
        one for one in torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True) if one is not None
    ]
    return f"{torch.cat([one.flatten() for one in found]).norm():.3g}" if found else "none"


rows = []
for way in (as_it_is, under_no_grad, under_inference_mode, of_detached_input, in_evaluation_mode, frozen):
    language_model.requires_grad_(True).train()
    torch.manual_seed(0)  # the same dropout in each row: only the way differs
    loss = way()
    rows.append([way.__name__, arrives(loss, recogniser.parameters()), arrives(loss, language_model.parameters())])
table(["way", "gradient at the recogniser", "gradient at the language model"], rows)
holds([row[0] for row in rows if row[1] != "none" and row[2] == "none"] == ["frozen"], "frozen alone does both")
holds(rows[0][1] == rows[-1][1], "freezing leaves the recogniser's gradient as it is, for the same dropout")
say(
    ja="欲しいのは、認識器には勾配が届き、言語モデルには届かない行です。それは `{name}` だけです。"
    "認識器の勾配は、凍結しても `as_it_is` の行と同じです(どの行も同じ乱数シードで測りました)。"
    "`eval()` は Dropout や BatchNorm の動作を切り替えるもので、勾配の計算を止めるものではありません。",
    en="Wanted is the row where a gradient arrives at the recogniser and none at the language model: that is `{name}` "
    "alone. Freezing keeps the recogniser's gradient as in the row `as_it_is` (all rows have the same seed). "
    "`eval()` switches what layers like Dropout and BatchNorm do; it does not stop any gradient.",
    name=rows[-1][0],
)
batch_norm, features = torch.nn.BatchNorm1d(3), torch.randn(8, 3) + torch.tensor([0.0, 2.0, -1.0])
rows = []
for mode in ("train", "eval"):
    getattr(batch_norm, mode)()
    leaf, before = features.clone().requires_grad_(), batch_norm.running_mean.clone()
    (found,) = torch.autograd.grad((batch_norm(leaf) ** 3).sum(), leaf)
    rows.append([f"{mode}()", found.norm(), found.sum(0).abs().max(), (batch_norm.running_mean - before).abs().max()])
table(["BatchNorm in", "gradient norm", "sum over the batch", "running mean moved by"], rows)
holds(rows[0][1] != rows[1][1] and rows[0][3] > 0 and rows[1][3] == 0, "eval() changes BatchNorm's gradient and buffer")
say(
    ja="ただし、切り替えると関数が変わるので、勾配の値は変わります。BatchNorm は学習モードではバッチの統計を使い、"
    "勾配をバッチについて足すと 0 です。しかも、重みが凍結されていても、順伝播のたびに移動平均が動きます。",
    en="It changes the function, though, and with it the gradient's value. In training mode BatchNorm uses the "
    "statistics of the batch, and its gradient adds up to 0 over the batch. And its running mean moves at each "
    "forward pass, even where all weights are frozen.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
language_model.requires_grad_(True).train()
diagnosis = gc.diagnose(under_no_grad, wrt=recogniser)
picture(diagnosis, "no-grad")
holds([one.code for one in diagnosis.errors] == ["GF105"], "under no_grad the path is cut")
say(
    ja="`no_grad` の中では、演算がまったく記録されません。だから、そこを通る経路もすべて切断されます。"
    "`requires_grad_(False)` は、そのパラメータの勾配を求めないという指定にすぎません。演算は記録され、"
    "経路は残ります。",
    en="Under `no_grad` no operation is recorded at all, so every path through it is cut. `requires_grad_(False)` only "
    "says that no gradient is wanted for those parameters: the operations are recorded, and the path stays.",
)
language_model.requires_grad_(False).eval()
picture({"frozen": frozen()}, "frozen", params=dict(recogniser.named_parameters()))
holds(frozen().requires_grad, "behind frozen parameters the path stays")

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
before = {name: value.clone() for name, value in language_model.state_dict().items()}
optimizer = torch.optim.AdamW([*recogniser.parameters(), *language_model.parameters()], lr=0.01)
start = frozen().item()
for _ in range(10):
    optimizer.zero_grad()
    frozen().backward()
    optimizer.step()
untouched = all(torch.equal(value, before[name]) for name, value in language_model.state_dict().items())
comparison = gc.compare_gradients(frozen, wrt=recogniser)
show("language model's bits unchanged", untouched)
show("penalty before, after", f"{start:.3f}, {frozen().item():.3f}")
show("compare_gradients", comparison.verdict)
holds(untouched and frozen().item() < start and comparison.verdict == "agrees", "the recogniser alone learns")
say(
    ja="言語モデルは 1 ビットも変わらず、ペナルティは {start:.3f} から {end:.3f} に下がりました。"
    "勾配の値も有限差分と合っています(`{verdict}`)。",
    en="Not one bit of the language model has changed, and the penalty fell from {start:.3f} to {end:.3f}. "
    "The gradient agrees with finite differences too (`{verdict}`).",
    start=start,
    end=frozen(),
    verdict=comparison.verdict,
)


def exactly_zero():
    soft = probabilities()
    return (soft.round() + soft - soft).square().sum()


rows = []
for name, make in (("SGD", torch.optim.SGD), ("AdamW", torch.optim.AdamW)):
    recogniser, _, frames = story()
    kept = recogniser.head.weight.detach().clone()
    optimizer = make(recogniser.parameters(), lr=0.01, weight_decay=0.0 if name == "SGD" else 0.05)
    for _ in range(10):
        optimizer.zero_grad()
        exactly_zero().backward()
        optimizer.step()
    norm = recogniser.head.weight.grad.norm().item()
    rows.append([name, norm, (recogniser.head.weight.detach() - kept).abs().max().item()])
table(["optimizer", "gradient norm", "weights moved by"], rows)
holds(rows[-1][1] == 0 and rows[-1][2] > 0, "weight decay moves weights at zero gradient")
say(
    ja="最後に、にせの証拠を一つ。勾配がちょうど {norm:g} でも、AdamW の重み減衰は重みを {moved:.2g} 動かしました。"
    "「重みが動いた」ことは、学習した証拠になりません。",
    en="Last, a proof that proves nothing. At a gradient of exactly {norm:g} the weight decay of AdamW moved "
    'the weights by {moved:.2g}. "The weights moved" is no proof that anything was learned.',
    norm=rows[-1][1],
    moved=rows[-1][2],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、言語モデルを凍結する関数、それを通るペナルティ、そして重み減衰にだまされない測り方を直します。",
    en="In the exercise you fix a function that freezes a language model, a penalty that goes through it, "
    "and a measure that weight decay cannot deceive.",
)
finish()
