"""Lesson 21: hooks and checkpoints.

A checkpointed block gets no gradient, and looking inside with `.grad` shows None everywhere. After
huggingface/transformers#21381, microsoft/LoRA#120, openai/guided-diffusion#167 and meta-pytorch/opacus#9.
Run it: python lessons/l21_hooks_and_checkpoints/lesson.py --lang ja
"""

import warnings

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, plot, say, show, table

begin(__file__)

lines, targets = torch.randn(16, 8).double(), torch.randn(16, 3).double()


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.drop, self.calls = nn.Linear(12, 12), nn.Dropout(0.3), 0

    def forward(self, x):
        self.calls += 1
        return x + self.drop(torch.tanh(self.layer(x)))


encoder, block, head = nn.Linear(8, 12).requires_grad_(False), Block(), nn.Linear(12, 3)
model = nn.ModuleDict({"encoder": encoder, "block": block, "head": head}).double()  # the encoder is frozen


def plain(x):
    return block(x)


def reentrant(x):
    return checkpoint(block, x, use_reentrant=True)


def non_reentrant(x):
    return checkpoint(block, x, use_reentrant=False)


def loss_with(way):
    torch.manual_seed(5)  # the same dropout each time
    return F.mse_loss(head(way(encoder(lines))), targets)


def norm(gradient):
    return "None" if gradient is None else f"{gradient.norm():.4f}"


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="学習済みのエンコーダを凍結し、その上のブロックと出力層だけを学習します。"
    "メモリを節約するため、ブロックは勾配チェックポイントで計算します。",
    en="A trained encoder is frozen; the block above it and the head are to learn. To save memory the block is "
    "computed under a gradient checkpoint.",
)
code(reentrant)
code(loss_with)
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    loss_with(reentrant).backward()
    begun = loss_with(reentrant).item()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter -= 0.1 * parameter.grad
    ended = loss_with(reentrant).item()
rows = [[name, str(one.requires_grad), norm(one.grad)] for name, one in model.named_parameters()]
table(["parameter", "requires_grad", "gradient norm"], rows)
show("warning", str(warned[0].message))
show("loss before and after one step", f"{begun:.4f} -> {ended:.4f}")
holds(ended < begun, "the loss falls")
holds(block.layer.weight.grad is None and head.weight.grad is not None, "the block gets none, and the head gets one")
say(
    ja="出力層には勾配が届くので、損失は下がっていきます。ブロックの重みには届きません。"
    "手がかりは、ログに埋もれやすい警告が一つだけです。",
    en="The head gets a gradient, so the loss goes down. The weights of the block get none, and all that says so is "
    "one warning in the log.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="ブロックの出力を `features = block(x)` と書き、チェックポイントなしで `loss.backward()` を呼びます。"
    "そのあとの `features.grad` は何でしょうか。",
    en="The output of the block is called `features = block(x)`, and `loss.backward()` is called, without any "
    "checkpoint. What is `features.grad` afterwards?",
    choices=[
        choice(ja="ブロックの出力での勾配", en="the gradient at the block's output"),
        choice(ja="`None`。勾配がそこを通らないから", en="`None`, because no gradient passes there"),
        choice(ja="`None`。勾配は通るが、残されないから", en="`None`: a gradient passes, and is not kept", right=True),
        choice(ja="0 のテンソル", en="a tensor of 0"),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
seen = {}
features = plain(encoder(lines))
F.mse_loss(head(features), targets).backward()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # PyTorch warns of reading .grad where there is none
    seen["features.grad"] = features.grad

torch.manual_seed(5)
features = plain(encoder(lines))
features.retain_grad()  # keep it, in spite of its being no leaf
F.mse_loss(head(features), targets).backward()
seen["retain_grad()"] = features.grad

torch.manual_seed(5)
features = plain(encoder(lines))
features.register_hook(lambda gradient: seen.update({"register_hook": gradient}))
F.mse_loss(head(features), targets).backward()

handle = block.register_full_backward_hook(lambda part, into, out: seen.update({"register_full_backward_hook": out[0]}))
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns that the block's input, which is frozen, gets no gradient
    loss_with(plain).backward()
handle.remove()

torch.manual_seed(5)
features = plain(encoder(lines))
(seen["torch.autograd.grad"],) = torch.autograd.grad(F.mse_loss(head(features), targets), features)
table(["way", "gradient norm"], [[name, norm(found)] for name, found in seen.items()])
found = [one for one in seen.values() if one is not None]
holds(seen["features.grad"] is None and len(found) == 4, "without being asked to, a tensor that is no leaf keeps none")
holds(all(torch.equal(one, found[0]) for one in found), "the four ways see the same bits")
say(
    ja="`.grad` に残るのは、葉テンソルの勾配だけです。途中のテンソルの勾配は、使われるとすぐに捨てられます。"
    "見るには、`retain_grad()` で残すか、フックで通り道から受け取るか、`torch.autograd.grad` で求めます。",
    en="`.grad` is for leaf tensors; the gradient of any tensor between is thrown away once it was used. To see it, "
    "keep it with `retain_grad()`, take it on its way with a hook, or ask for it with `torch.autograd.grad`.",
)
rows = []
for way in (plain, reentrant, non_reentrant):
    block.calls = 0
    model.zero_grad()
    torch.manual_seed(5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hidden = way(encoder(lines))
    F.mse_loss(head(hidden), targets).backward()
    rows.append([way.__name__, str(hidden.requires_grad), block.calls, norm(block.layer.weight.grad)])
table(["way", "output.requires_grad", "calls of the block", "gradient norm at the block"], rows)
holds([row[1] for row in rows] == ["True", "False", "True"], "after the reentrant checkpoint nothing asks for one")
holds([row[2] for row in rows] == [1, 1, 2], "the block is called again for the backward pass, but where it is cut")
say(
    ja="チェックポイントは、途中の値を保存せず、逆伝播のときにブロックをもう一度呼びます。"
    "`use_reentrant=True` では、出力がそもそも勾配を求めていません。二度目の呼び出しもありません。",
    en="A checkpoint keeps no values from inside, and calls the block a second time in the backward pass. With "
    "`use_reentrant=True` the output does not even ask for a gradient, and there is no second call.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    diagnosis = gc.diagnose(lambda: loss_with(reentrant), wrt=model)
picture(diagnosis, "reentrant")
first = diagnosis.errors[0]
holds([one.code for one in diagnosis.errors] == ["GF105"], "the debugger names grad_disabled at the checkpoint")
say(
    ja="再入(reentrant)型のチェックポイントは、ブロックを勾配なしで計算し、その結果を「入力」だけに結び付けます。"
    "凍結したエンコーダから来る入力は勾配を求めないので、ブロックの重みには届きません。診断は `{kind}` です。",
    en="The reentrant checkpoint computes the block with gradients off, and ties the result to its inputs alone. "
    "Coming from a frozen encoder, they ask for no gradient: so the weights of the block get none. The finding is "
    "`{kind}`.",
    kind=first.kind,
)


def kept_for_backward(way, blocks):  # how many numbers, without the weights
    weights = {one.data_ptr() for one in model.parameters()}
    kept = {}

    def pack(tensor):
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor
        return tensor

    x = torch.randn(16, 12).double().requires_grad_()
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        for _ in range(blocks):
            x = way(x)
    return sum(one.numel() for one in kept.values())


code(kept_for_backward)
depths = [1, 2, 4, 8]
kept = {way.__name__: [kept_for_backward(way, depth) for depth in depths] for way in (plain, reentrant)}
plot("kept", depths, kept, x_label="blocks", y_label="numbers kept for the backward pass")
holds(
    all(a > 2 * b for a, b in zip(kept["plain"], kept["reentrant"], strict=True)), "a checkpoint keeps the inputs alone"
)
say(
    ja="チェックポイントで減るのは、逆伝播のために保存されるテンソル(saved tensors)です。"
    "ブロックごとに残るのは入力だけで、ここでは {share:.0%} になります。代わりに、順伝播の計算が二度になります。",
    en="What a checkpoint saves is what autograd keeps for the backward pass, the saved tensors: of each block the "
    "input alone, here {share:.0%} of them. It is paid for with a second forward pass.",
    share=kept["reentrant"][-1] / kept["plain"][-1],
)


def same_randomness(x):
    return checkpoint(block, x, use_reentrant=False)


def other_randomness(x):
    return checkpoint(block, x, use_reentrant=False, preserve_rng_state=False)


def loss_by(way):
    return F.mse_loss(head(way(encoder(lines))), targets)


code(other_randomness)
rows = [[way.__name__, gc.compare_gradients(lambda way=way: loss_by(way), wrt=block.layer).verdict]
        for way in (plain, same_randomness, other_randomness)]  # fmt: skip
table(["way", "compare_gradients"], rows)
holds([row[1] for row in rows] == ["agrees", "agrees", "wrong"], "other dropout in the second call, another gradient")
say(
    ja="二度目の呼び出しでは、Dropout も同じものを落とさなければなりません。乱数の状態を戻さないと、"
    "勾配は届いて 0 でもないのに、値が違います。",
    en="In the second call dropout has to drop the same values. Where the random state is not put back, a gradient "
    "arrives and is not 0, and its value is wrong.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
truth = torch.autograd.grad(loss_with(plain), [*block.parameters(), *head.parameters()])
found = torch.autograd.grad(loss_with(non_reentrant), [*block.parameters(), *head.parameters()])
same = all(torch.equal(a, b) for a, b in zip(found, truth, strict=True))
verdict = gc.compare_gradients(lambda: loss_by(non_reentrant), wrt=nn.ModuleList([block, head])).verdict
healthy = gc.diagnose(lambda: loss_with(non_reentrant), wrt=nn.ModuleList([block, head]))
show("gradient norm at the block", norm(found[0]))
show("same bits as without a checkpoint", same)
show("compare_gradients", verdict)
holds(same and found[0].norm() > 0 and verdict == "agrees" and healthy.ok, "a gradient, not 0, of the right value")
say(
    ja="`use_reentrant=False` と書けば、ブロックの重みにも勾配が届き、チェックポイントなしのときと 1 "
    "ビットも違いません。乱数の状態は、何も指定しなければ戻されます。",
    en="With `use_reentrant=False` the weights of the block get their gradient, to the bit that of no checkpoint. "
    "The random state is put back unless one says otherwise.",
)


def two_ways(hook):
    """The gradients at two branches that are added, with a hook on the second of them."""
    torch.manual_seed(5)
    one, other = lines[:, :3].clone().requires_grad_(), lines[:, 3:6].clone().requires_grad_()
    first, second = one * 1.0, other * 1.0
    second.register_hook(hook)
    return torch.autograd.grad(F.mse_loss(first + second, targets), [one, other])


def looks(gradient):
    gradient.norm()


def returns(gradient):
    return 0.1 * gradient


def writes(gradient):
    gradient.mul_(0.1)


code(returns)
code(writes)
rows = [[hook.__name__, *(norm(one) for one in two_ways(hook))] for hook in (looks, returns, writes)]
table(["hook on the second", "gradient norm at the first", "at the second"], rows)
holds(
    rows[1][2] == rows[2][2] != rows[0][2] and rows[0][1] == rows[1][1] != rows[2][1], "to write changes the other too"
)
say(
    ja="フックは勾配を変えることもできます。変えた勾配を「返す」と、変わるのはその先だけです。"
    "受け取った勾配を in-place で書き換えると、同じメモリを使う別の経路の勾配まで変わってしまいます。",
    en="A hook may change the gradient, too. What it returns counts from there on and nowhere else; where it writes "
    "into the gradient that it was given, another path that uses the same memory is changed as well.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、途中の層の勾配を後始末まで含めて調べる関数、一つの経路だけを変えるフック、"
    "そして自作のチェックポイントの `backward` を直します。",
    en="In the exercise you fix a look at the gradients inside a model that puts everything back, a hook that "
    "changes one path alone, and the `backward` of a checkpoint of your own.",
)
finish()
