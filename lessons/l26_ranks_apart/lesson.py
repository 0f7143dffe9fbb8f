"""Lesson 26: ranks that part.

Two processes that were to train one model, and train two; a head that one batch does not use. After
OpenTSLM/OpenTSLM#49, k2-fsa/icefall#226 and open-mmlab/mmdetection#2153.
Run it: python lessons/l26_ranks_apart/lesson.py --lang ja
"""

import copy

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import gradcheck_lm as gc
from gradcheck_lm.course.screen.ranks import on_ranks
from gradcheck_lm.course.stage import (
    ask,
    beat,
    begin,
    choice,
    code,
    finish,
    holds,
    picture,
    plot,
    say,
    table,
    told,
)

begin(__file__)

inputs = torch.linspace(-2, 2, 16)[:, None] * torch.tensor([[1.0, 0.5]])
targets = (2 * inputs[:, :1]).sin()
batches = [(inputs[:8], targets[:8]), (inputs[8:], targets[8:])]  # each rank has its own half of the data


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body, self.drop, self.head = nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.drop(self.body(x).tanh()))


def loss_of(model, batch):
    return F.mse_loss(model(batch[0]), batch[1])


def replicas(ranks=2):
    return [Reader().eval() for _ in range(ranks)]  # the same seed on each; no dropout but where it is switched on


def backward_on_each(models, batches):
    for model, batch in zip(models, batches, strict=True):
        model.zero_grad()
        loss_of(model, batch).backward()


def average(models):
    """What DistributedDataParallel does in backward(): afterwards all ranks hold the mean of their gradients."""
    for parameters in zip(*(model.parameters() for model in models), strict=True):
        mean = torch.stack([one.grad for one in parameters]).mean(0)
        for one in parameters:
            one.grad = mean.clone()


def step(model, rate=0.1):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= rate * parameter.grad


def distance(one, other):
    return sum((a - b).square().sum() for a, b in zip(one.parameters(), other.parameters(), strict=True)).sqrt().item()


def trained(averaged, steps=300):
    models, curve = replicas(), []
    for number in range(steps + 1):
        if number % 30 == 0:
            curve.append(distance(*models))
        backward_on_each(models, batches)
        if averaged:
            average(models)
        for model in models:
            step(model)
    return models, curve


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="データを半分ずつ二つのプロセス(ランク)に分け、同じモデルを学習します。ここではまず、一つのプロセスの中に"
    "二つのモデルを置いて、ランクの代わりにします。",
    en="The data are split between two processes (ranks) that train one model. To begin with, two models in this one "
    "process stand for the ranks.",
)
code(backward_on_each)
models, apart = trained(averaged=False)
whole = (inputs, targets)
rows = []
for rank, (model, batch) in enumerate(zip(models, batches, strict=True)):
    rows.append([f"rank {rank}", loss_of(model, batch).item(), loss_of(model, whole).item()])
table(["", "loss on its own half", "loss on all data"], rows)
table(["", "at the start", "after 300 steps"], [["distance between the weights", apart[0], apart[-1]]])
holds(apart[0] == 0.0 < apart[-1], "the ranks begin equal and part")
holds(all(row[2] > 3 * row[1] for row in rows), "each is good at its own half alone")
say(
    ja="どちらのランクの損失も下がり、ログにおかしなところはありません。保存されるのはランク 0 のモデルだけなので、"
    "データの半分は使われなかったことになります。",
    en="The loss falls on both, and the log looks fine. What is saved is the model of rank 0: half of the data was "
    "used for nothing.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
code(average)
ask(
    ja="`backward()` のあとで勾配を平均するようにします。"
    "それでも 1 ステップのあとに重みがずれるのは、どのときでしょうか。",
    en="Now the gradients are averaged after `backward()`. What makes the weights differ after a step all the same?",
    choices=[
        choice(ja="ランクごとに違うデータを使う", en="other data on each rank"),
        choice(ja="ランクごとに Dropout が別の値を落とす", en="dropout that drops other values on each rank"),
        choice(ja="平均したあとで、勾配クリッピングをする", en="clipping by the norm, after the average"),
        choice(
            ja="自分の損失が大きすぎたランクだけ、更新をスキップする",
            en="a rank that skips its step, because its own loss was too large",
            right=True,
        ),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
uneven = [(inputs[:12], targets[:12]), (inputs[12:], targets[12:])]
reference = Reader().eval()
backward_on_each([reference], [whole])
norm = nn.utils.get_total_norm([one.grad for one in reference.parameters()]).item()
clipped = copy.deepcopy(reference)
for one, other in zip(clipped.parameters(), reference.parameters(), strict=True):
    one.grad = other.grad.clone()
nn.utils.clip_grad_norm_(clipped.parameters(), norm / 4)
step(reference)
step(clipped)


def one_step(*, data=batches, averaged=True, dropout=False, clip="", skips=()):
    models = replicas()
    if dropout:
        models = [model.train() for model in models]
    backward_on_each(models, data)
    if clip == "before":
        for model in models:
            nn.utils.clip_grad_norm_(model.parameters(), norm / 4)
    if averaged:
        average(models)
    if clip == "after":
        for model in models:
            nn.utils.clip_grad_norm_(model.parameters(), norm / 4)
    for rank, model in enumerate(models):
        if rank not in skips:
            step(model)
    return models


ways = {
    "nothing averaged": one_step(averaged=False),
    "averaged": one_step(),
    "averaged, dropout": one_step(dropout=True),
    "averaged, then clipped": one_step(clip="after"),
    "clipped, then averaged": one_step(clip="before"),
    "averaged, 12 and 4 samples": one_step(data=uneven),
    "averaged, rank 1 skips": one_step(skips=(1,)),
}
rows = []
for name, models in ways.items():
    right = clipped if "clipped" in name else reference
    rows.append([name, str(distance(*models) == 0.0), distance(models[0], right) / distance(Reader(), right)])
table(["step", "ranks equal", "off the step on all data, relative"], rows)
equal, off = [row[1] == "True" for row in rows], [row[2] for row in rows]
holds(equal == [False, True, True, True, True, True, False], "without the average, or a skip alone, the ranks part")
same = [bool(one < 1e-4) for one in off]
holds(same == [False, True, False, True, False, False, True], "to be equal is not to be right")
say(
    ja="同じ値から始めて、同じ勾配で、同じように更新すれば、重みは 1 ビットも違いません。データや Dropout が違っても"
    "かまいません。ずれるのは、平均しないときと、ランクごとに別の判断をしたときです。",
    en="With the same start, the same gradients and the same step the weights are the same, to the bit, whatever data "
    "and dropout are. They part where nothing is averaged, and where a rank decides for itself.",
)
say(
    ja="ただし、そろっていることと、正しいことは別です。平均では、どのランクも同じ重みなので、`12` 個と `4` 個に"
    "分けると、少ないほうのサンプルが {ratio:.0f} 倍に数えられます。平均する前のクリッピングも、"
    "全データでの更新とは違います。",
    en="To be equal is not yet to be right. In the average all ranks count the same: with `12` samples and `4`, a "
    "sample of the smaller part counts {ratio:.0f} times as much. And to clip before the average is not the step on "
    "all data.",
    ratio=len(uneven[0][0]) / len(uneven[1][0]),
)
_, together = trained(averaged=True)
plot("distance", list(range(0, 301, 30)), {"nothing averaged": apart, "averaged": together}, x_label="step",
     y_label="distance between the weights")  # fmt: skip
holds(max(together) == 0.0, "averaged, they stay equal to the bit")

# ---------------------------------------------------------------------------------------------------------------------
beat("why")


def data_of(rank):
    torch.manual_seed(10 + rank)
    return torch.randn(8, 2), torch.randn(8, 1)


def past_the_wrapper():
    ddp = DistributedDataParallel(Reader())
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
    inputs, targets = data_of(dist.get_rank())

    def training_step():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(ddp.module(inputs), targets)
        loss.backward()
        optimizer.step()

    return gc.diagnose_step(training_step, ddp, optimizer, ranks=True)


def through_the_wrapper():
    ddp = DistributedDataParallel(Reader())
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
    inputs, targets = data_of(dist.get_rank())

    def training_step():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(ddp(inputs), targets)
        loss.backward()
        optimizer.step()

    return gc.diagnose_step(training_step, ddp, optimizer, ranks=True)


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body, self.head, self.rare_head = nn.Linear(2, 8), nn.Linear(8, 1), nn.Linear(8, 1)

    def forward(self, x, rare=False):
        return (self.rare_head if rare else self.head)(self.body(x).tanh())


def rare_head_unused():
    ddp = DistributedDataParallel(TwoHeads())
    inputs, targets = data_of(dist.get_rank())
    try:
        for _ in range(2):
            nn.functional.mse_loss(ddp(inputs), targets).backward()
    except RuntimeError as error:
        return str(error).split(" This ")[0]
    return ""


def rare_head_on_one_rank():
    rank = dist.get_rank()
    ddp = DistributedDataParallel(TwoHeads(), find_unused_parameters=True)
    inputs, targets = data_of(rank)
    loss = nn.functional.mse_loss(ddp.module(inputs, rare=rank == 1), targets)  # what this rank alone would say
    alone = torch.autograd.grad(loss, ddp.module.rare_head.weight, allow_unused=True)[0]
    nn.functional.mse_loss(ddp(inputs, rare=rank == 1), targets).backward()
    averaged = ddp.module.rare_head.weight.grad
    return ["None" if one is None else f"{one.norm():.4f}" for one in (alone, averaged)]


programs = [past_the_wrapper, through_the_wrapper, rare_head_on_one_rank, rare_head_unused]
heard = on_ranks(programs, uses=[Reader, TwoHeads, data_of])
code(past_the_wrapper)
told(heard.words(past_the_wrapper))
holds(not heard.ran or heard.values["past_the_wrapper"][0]["codes"] == ["GF714"], "the debugger names ranks_apart")
say(
    ja="これは、本物の二つのプロセス(gloo)で動かすプログラムです。DDP は、ラップしたモデルの `forward` で次の逆伝播の"
    "準備をし、勾配ができるたびにフックで平均します。中の `module` を直接呼ぶと、その準備がなく、平均もされません。"
    "`diagnose_step(..., ranks=True)` はランクどうしを比べ、`{kind}` と診断します。",
    en="This program is for two real processes (gloo). DDP prepares the backward pass in `forward` of the wrapped "
    "model, and averages in hooks, as the gradients come. Call the `module` inside, and nothing is prepared or "
    "averaged. "
    "`diagnose_step(..., ranks=True)` compares the ranks, and calls it `{kind}`.",
    kind="ranks_apart",
)
code(TwoHeads)
two = TwoHeads()


def loss_of_one_head():
    return F.mse_loss(two(inputs), targets)


diagnosis = gc.diagnose(loss_of_one_head, wrt=two)
picture(diagnosis, "rare-head")
holds([one.code for one in diagnosis.errors] == ["GF401"], "one process alone names the parameters that are not used")
found = heard.values.get("rare_head_unused", ["-", "-"])
table(["", "second forward pass"], [[f"rank {rank}", text] for rank, text in enumerate(found)])
holds(not heard.ran or all("finished reduction" in text for text in found), "DDP refuses parameters that are not used")
say(
    ja="平均には、全部のランクの全部のパラメータの勾配が要ります。使われないパラメータがあると平均が終わらず、"
    "次の順伝播でエラーになります。どのパラメータかは、一つのプロセスでの診断(`{code}`)でも分かります。",
    en="The average needs the gradients of all parameters from all ranks. With one that is not used it never "
    "comes to its end, and the next forward pass is an error. Which one it is can be seen in one process (`{code}`).",
    code=diagnosis.errors[0].code,
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
told(heard.words(through_the_wrapper))
healthy = [one["codes"] for one in heard.values.get("through_the_wrapper", [])]
holds(not heard.ran or healthy == [[], []], "through the wrapper nothing is found")
say(
    ja="ラップしたモデルを呼べば、何も見つかりません。`forward` 以外のメソッドも使いたいときは、"
    "`forward` の中から呼び分けます。",
    en="Call the wrapped model, and nothing is found. Where other methods than `forward` are wanted, have `forward` "
    "call them.",
)
code(rare_head_on_one_rank)
pairs = heard.values.get("rare_head_on_one_rank", [["-", "-"], ["-", "-"]])
table(["", "gradient norm at rare_head, this rank alone", "after the average"],
      [[f"rank {rank}", *pair] for rank, pair in enumerate(pairs)])  # fmt: skip
halved = pairs[0][0] == "None" and pairs[0][1] == pairs[1][1]
halved = halved and abs(float(pairs[1][0]) - 2 * float(pairs[1][1])) < 2e-4
holds(not heard.ran or halved, "a rank that does not use a parameter counts as 0 in the average")
say(
    ja="使わないことがあるパラメータには、`find_unused_parameters=True` を渡します。使わなかったランクは 0 として"
    "平均に入るので、使ったランクの勾配は半分になります。",
    en="For parameters that some batches do not use there is `find_unused_parameters=True`. A rank that did not use "
    "one counts as 0 in the average, so the gradient of the rank that did is halved.",
)


def by_share(models, batches):
    total = sum(len(batch[0]) for batch in batches)
    for model, batch in zip(models, batches, strict=True):
        model.zero_grad()
        (loss_of(model, batch) * len(batch[0]) * len(models) / total).backward()


models = replicas()
by_share(models, uneven)
average(models)
for model in models:
    step(model)
off = distance(models[0], reference) / distance(Reader(), reference)
gradients = torch.cat([one.grad.flatten() for one in models[0].parameters()])
table(
    ["proof", "value"],
    [
        ["gradient norm", float(gradients.norm())],
        ["ranks equal", str(distance(*models) == 0.0)],
        ["off the step on all data, relative", f"{off:.1g}"],
    ],
)
holds(
    distance(*models) == 0.0 and off < 1e-4 and gradients.norm() > 0, "by their share uneven parts give the same step"
)
say(
    ja="サンプル数が違うときは、損失を割合で重み付けしてから平均すると、全データでの更新と一致します。"
    "更新をスキップするかどうか、どれだけクリッピングするかは、平均したあとの、全ランクで等しい値から決めます。",
    en="Where the parts are not of one size, weigh each loss by its share before the average, and the step is that on "
    "all data. Whether to skip and how much to clip is decided after the average, from what all ranks share.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、使わなかったランクのある平均、サンプル数の違うランクの損失、ずれたパラメータの探し方、"
    "そして、全データでの更新と一致する 1 ステップを直します。",
    en="In the exercise you fix an average in which some ranks did not take part, losses of ranks of different size, a "
    "search for parameters that differ, and a step that is the same as that on all data.",
)
finish()
