"""GF710 overwritten: weights overwritten after loading, or nothing loaded."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
saved = nn.Linear(4, 3).state_dict()
model = nn.Linear(4, 3)
model.load_state_dict(saved)
for parameter in model.parameters():
    nn.init.uniform_(parameter)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def step():
    optimizer.zero_grad()
    (model(inputs) - targets).square().mean().backward()
    optimizer.step()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
saved = nn.Linear(4, 3).state_dict()
model = nn.Linear(4, 3)
for parameter in model.parameters():
    nn.init.uniform_(parameter)
model.load_state_dict(saved)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def step():
    optimizer.zero_grad()
    (model(inputs) - targets).square().mean().backward()
    optimizer.step()
"""

KIND = Kind(
    code="GF710",
    name="overwritten",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "weights that are lost, never loaded, or kept without a copy",
        "失われた、読み込まれていない、またはコピーせずに残した重み",
    ),
    about=about(
        Text(
            "Weights were loaded from a file and are not those that train: they were written over afterwards, or no "
            "name fitted.",
            "ファイルから読み込んだ重みが、学習される重みになっていません。後で上書きされたか、"
            "名前が一致しませんでした。",
        ),
        Text(
            "initialise first, load afterwards",
            "先に初期化し、その後で読み込む",
        ),
        Text(
            "load_state_dict(..., strict=True), or look at what it returns: missing_keys, unexpected_keys",
            "load_state_dict(..., strict=True) とするか、返り値の missing_keys と unexpected_keys を見る",
        ),
        Text(
            "load once, before the loop",
            "読み込みはループの前に一度だけ",
        ),
    ),
    causes=(
        Cause(
            "initialised_after_loading",
            Text(
                "Of the {total} tensors that were loaded here {count} were overwritten before the model "
                "first ran: an initialisation comes after the loading.",
                "ここで読み込んだ {total} 個のテンソルのうち {count} 個が、モデルが最初に実行される前に上書き"
                "されました。読み込みの後に初期化があります。",
            ),
            (
                Text("move the initialisation before the loading", "初期化を読み込みの前に移す"),
                Text(
                    "initialise only what the file does not hold: result.missing_keys",
                    "ファイルにないもの(result.missing_keys)だけを初期化する",
                ),
            ),
        ),
        Cause(
            "written_over_loaded",
            Text(
                "Of the {total} tensors that were loaded at {line} this line wrote over {count} before the model first "
                "ran.",
                "{line} で読み込んだ {total} 個のテンソルのうち {count} 個が、モデルが最初に実行される前に、この行で"
                "上書きされました。",
            ),
            (
                Text("move this line before the loading", "この行を読み込みの前に移す"),
                Text(
                    "initialise only what the file does not hold: result.missing_keys",
                    "ファイルにないもの(result.missing_keys)だけを初期化する",
                ),
            ),
        ),
        Cause(
            "nothing_loaded",
            Text(
                "Not one of the {total} names that {module} wants is in what was loaded: with strict=False "
                "nothing is loaded, and nothing is said.",
                "{module} が必要とする {total} 個の名前は、読み込んだものに 1 つもありません。strict=False で"
                "は何も読み込まれず、警告も出ません。",
            ),
            (
                Text(
                    "compare the names: model.state_dict().keys() against the file's; a prefix such as 'module.' "
                    "or 'model.' is the usual difference",
                    "model.state_dict().keys() とファイルの名前を比べる: 違いはたいてい 'module.' や 'model.' な"
                    "どの接頭辞",
                ),
                Text(
                    "look at what load_state_dict returns: missing_keys and unexpected_keys",
                    "load_state_dict の返り値の missing_keys と unexpected_keys を見る",
                ),
            ),
        ),
        Cause(
            "loaded_and_replaced",
            Text(
                "A {module} was loaded at {line} and has not run since; this line puts a new one in its place, with "
                "fresh random weights, and that one runs.",
                "{line} で {module} に重みが読み込まれましたが、それは一度も実行されていません。この行で新しい乱数の"
                "重みを持つものに置き換えられ、そちらが実行されます。",
            ),
            (
                Text(
                    "keep the module that was loaded: leave this line out",
                    "読み込んだモジュールをそのまま使う: この行を消す",
                ),
                Text(
                    "or make the new one first and load into that",
                    "または、先に新しいものを作り、それに読み込む",
                ),
            ),
        ),
        Cause(
            "loaded_each_step",
            Text(
                "Before step {second} of {optimizer} its tensors are again what they were before step "
                "{first}, bit by bit: something puts the old weights back each time.",
                "{optimizer} のテンソルは、ステップ {second} の前に、ステップ {first} の前と 1 ビットも違わな"
                "い値に戻っています。毎回、古い重みが書き戻されています。",
            ),
            (
                Text(
                    "load before the loop, and write no old weights back inside it",
                    "読み込みはループの前に行い、ループの中で古い重みを書き戻さない",
                ),
                Text(
                    "for a target network load into the target: target.load_state_dict(model.state_dict())",
                    "ターゲットネットワークなら、ターゲット側に読み込む: target.load_state_dict(model.state_dict())",
                ),
            ),
        ),
        Cause(
            "from_itself",
            Text(
                "{module} is loaded from itself: what comes from it and what it already holds are the same tensors, "
                "and nothing changes.",
                "{module} に読み込まれるのはそれ自身です。読み込むものと持っているものは同じテンソルなので、"
                "何も変わりません。",
            ),
            (
                Text(
                    "for a target network: target.load_state_dict(online.state_dict()), with the online one on the "
                    "right",
                    "ターゲットネットワークなら target.load_state_dict(online.state_dict()) とし、右側にオンライン側を"
                    "書く",
                ),
                Text(
                    "after state.update(pretrained): look whether a single name of the file fitted",
                    "state.update(pretrained) の後なら、ファイルの名前が 1 つでも一致したかを調べる",
                ),
                Text(
                    "to put weights back later, keep a copy of them: copy.deepcopy(model.state_dict())",
                    "後で重みを戻すなら、コピーを取っておく: copy.deepcopy(model.state_dict())",
                ),
            ),
        ),
        Cause(
            "kept_by_reference",
            Text(
                "state_dict() gives the weights themselves and no copy: {name} goes on with every step of {module}, "
                "and {line} takes the last weights for those of this moment.",
                "state_dict() が返すのは重みそのもので、コピーではありません。{name} は {module} の step のたびに"
                "変わり、{line} では、この時点の重みのつもりで最後の重みを使うことになります。",
            ),
            (
                Text(
                    "keep a copy: {name} = copy.deepcopy({module}.state_dict())",
                    "コピーを取っておく: {name} = copy.deepcopy({module}.state_dict())",
                ),
                Text(
                    "or tensor by tensor, on the CPU if memory is short: {k: v.cpu().clone() for k, v in "
                    "{module}.state_dict().items()}",
                    "またはテンソルごとに(メモリが足りなければ CPU に): {k: v.cpu().clone() for k, v in "
                    "{module}.state_dict().items()}",
                ),
                Text(
                    "or write it to a file at once: torch.save({module}.state_dict(), path)",
                    "またはその場でファイルに書く: torch.save({module}.state_dict(), path)",
                ),
            ),
        ),
        Cause(
            "compared_with_itself",
            Text(
                "{name} is no copy but the weights of {module} themselves, which every step changes in place: {line} "
                "compares them with themselves and finds no difference, whatever they learn.",
                "{name} はコピーではなく {module} の重みそのもので、step のたびにその場で変わります。{line} は同じ"
                "重みどうしを比べているため、何を学習しても差は出ません。",
            ),
            (
                Text(
                    "keep a copy: [p.detach().clone() for p in model.parameters()], or "
                    "copy.deepcopy(model.state_dict())",
                    "コピーを取っておく: [p.detach().clone() for p in model.parameters()]、または "
                    "copy.deepcopy(model.state_dict())",
                ),
            ),
        ),
        Cause(
            "model_each_step",
            Text(
                "Each of {count} steps is of other weights, with an {optimizer} made on this line: the model is made "
                "anew before every step, and what it learnt is gone.",
                "{count} 回の step は毎回別の重みに対して、この行で作られる {optimizer} によって行われています。"
                "モデルが step のたびに作り直され、学習した結果は消えています。",
            ),
            (
                Text(
                    "make the model and its optimizer once, before the loop",
                    "モデルとオプティマイザはループの前で 1 度だけ作る",
                ),
            ),
        ),
        Cause(
            "partly_shared",
            Text(
                "{module} is loaded from another module with which it shares {parameters}: these are the same tensors "
                "in both, so that in {module} too they move with every step.",
                "{module} は別のモジュールから読み込まれますが、{parameters} は両方が共有する同じテンソルです。"
                "{module} の側でも step のたびに動きます。",
            ),
            (
                Text(
                    "give each its own: copy.deepcopy(part) where the second is built, or build the whole module twice",
                    "それぞれに専用の部分を持たせる: 2 つ目を作るときに copy.deepcopy(part) とするか、"
                    "モジュール全体を 2 回作る",
                ),
                Text(
                    "where the part is meant to be shared and still, freeze it: part.requires_grad_(False)",
                    "共有したまま動かさないつもりなら凍結する: part.requires_grad_(False)",
                ),
            ),
        ),
        Cause(
            "aliased",
            Text(
                "{module} is loaded from {source} at {line}, and this line makes the two one module, which moves with "
                "every step: no loading changes it.",
                "{module} は {line} で {source} から読み込まれますが、この行で 2 つは同じ 1 つのモジュールになります。"
                "それは step のたびに動き、読み込んでも何も変わりません。",
            ),
            (
                Text(
                    "give it a module of its own: copy.deepcopy({source})",
                    "専用のモジュールを持たせる: copy.deepcopy({source})",
                ),
                Text(
                    "where it had one before this line, leave the line out: load_state_dict copies the weights",
                    "この行の前に専用のモジュールがあったなら、この行を消す: 重みのコピーは load_state_dict が行う",
                ),
            ),
        ),
    ),
    asked_by="run",
    example=EXAMPLE,
    instead=INSTEAD,
)
