"""The kinds of finding in Japanese: title, why and cures, in the order of flow's own table, the English one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gradcheck_lm.draw.japanese_sentences import PATTERNS_JA, SENTENCES_JA
from gradcheck_lm.flow.findings.model import KINDS, Finding


@dataclass(frozen=True)
class Wording:
    """What a finding says in one language."""

    title: str
    why: str
    cures: tuple[str, ...]


def wording_ja(finding: Finding) -> Wording:
    """A finding in Japanese; a sentence that is nobody's but this finding's stays as it is."""
    kind, translated = KINDS.get(finding.kind), KINDS_JA.get(finding.kind)
    if kind is None or translated is None:
        return Wording(finding.title, finding.why, finding.cures)
    cures = translated.cures if finding.cures == kind.cures else tuple(map(sentence_ja, finding.cures))
    if finding.why.startswith(kind.why):  # a sentence of this finding's own may follow
        why = translated.why + sentence_ja(finding.why.removeprefix(kind.why))
    else:
        why = sentence_ja(finding.why)
    return Wording(translated.title, why, cures)


def sentence_ja(text: str) -> str:
    """A sentence of the debugger's in Japanese: a why, a cure or a note; one that is not known stays as it is."""
    if (known := SENTENCES_JA.get(text)) is not None:
        return known
    for english, japanese in PATTERNS_JA:
        if match := re.fullmatch(english, text):
            return match.expand(japanese)
    return text


KINDS_JA = {
    "discrete_op": Wording(
        "微分が存在しない演算",
        "結果は添字・個数・真偽値です。入力が少し変わっても値は変わらず、あるところで急に飛びます。"
        "そのため微分が存在せず、autograd は何も記録しません。",
        (
            "確率のまま計算する: softmax による期待値(ソフト埋め込み)",
            "順伝播は硬い値、逆伝播は軟らかい値: hard + soft - soft.detach() (straight-through)",
            "勾配を持つ標本選択: torch.nn.functional.gumbel_softmax(logits, hard=True)",
            "方策勾配: reward.detach() * log_prob (後段がブラックボックスでもよい)",
        ),
    ),
    "integer_cast": Wording(
        "整数への型変換",
        "整数は勾配を持てません。型変換はすべての値を階段の段に丸めます。",
        (
            "浮動小数点のまま残し、型変換をやめる",
            "順伝播で整数が必要なら x + (x.round() - x).detach() (straight-through)",
            "表を引くなら、1 つを添字で選ぶ代わりに全要素を重み付けする",
        ),
    ),
    "sampling": Wording(
        "乱数による標本抽出",
        "標本は「どの値が出たか」を通してしか分布に依存せず、分布のパラメータに対する勾配は定義されません。",
        (
            "distribution.rsample() があればそれを使う(再パラメータ化)",
            "カテゴリ分布には torch.nn.functional.gumbel_softmax",
            "方策勾配: -(reward - baseline).detach() * distribution.log_prob(sample)",
        ),
    ),
    "detach": Wording(
        "計算グラフから切り離された値",
        "値は先へ進みますが、その履歴は残りません。後段はこれを定数として扱います。",
        (
            "損失へ向かう途中の .detach() / .data を外す",
            "ログには切り離したコピーを、損失には元のテンソルを使う",
            "勾配を止めたい目標値は目標だけを detach し、予測は決して detach しない",
        ),
    ),
    "grad_disabled": Wording(
        "勾配計算が無効の区間",
        "この区間の中では何も記録されないため、入力へ向かう勾配も通りません。",
        (
            "重みを固定したまま勾配を通すには、no_grad ではなく model.requires_grad_(False)",
            "その演算を区間の外に出す",
            "ライブラリ関数(generate など)が無効にしている場合は、モデルの forward を直接呼ぶ",
        ),
    ),
    "left_torch": Wording(
        "値が torch の外へ出た",
        "Python の数値・リスト・文字列や NumPy 配列は autograd を知りません。"
        "そこから計算したものは損失にとって定数です。",
        (
            "テンソルのまま計算する: math.exp は torch.exp に、NumPy は torch の関数に、リストは torch.stack に",
            ".item() は表示だけに使い、損失にはテンソルを使う",
            "文字列が必要なら(トークナイザなど)ブラックボックスとして採点する: 方策勾配",
        ),
    ),
    "new_leaf": Wording(
        "古い値から作られた新しい葉テンソル",
        "新しいテンソルは新しい計算グラフの始まりです。"
        "requires_grad=True なら backward() はエラーなく動きますが、勾配はここで止まります。",
        (
            "torch.tensor(list_of_tensors) の代わりに torch.stack または torch.cat",
            "損失への .requires_grad_(True) を外す: エラーを隠すだけで何も直らない",
            "nn.Parameter(tensor) やコピーではなく、元のテンソルを使う",
        ),
    ),
    "zero_gradient": Wording(
        "つながっているが、勾配は厳密に 0",
        "autograd はここに勾配を通しますが、どこでも 0 です。この値では関数が平らだからです。",
        (
            "round・floor・sign を straight-through に置き換える: x + (x.round() - x).detach()",
            "入ってくる値を見る: clamp の範囲外、relu の手前で負、1 クラスだけの softmax",
            "同じ関数の滑らかな形を使う: softplus、sigmoid、leaky_relu、滑らかな clamp",
        ),
    ),
    "constant": Wording(
        "学習対象に依存していない",
        "この損失は対象のテンソルを使わずに作られました: 早すぎる return、空の和、呼ばれなかった部品など。",
        (
            "この分岐でもモデルの出力から計算した値を返す(例: output.sum() * 0)",
            "モジュールが forward で呼ばれ、その結果が使われているか確かめる",
            "損失とオプティマイザが同じモデルを見ているか確かめる",
        ),
    ),
    "frozen": Wording(
        "凍結されたパラメータ",
        "テンソル自身の requires_grad が False なので、autograd は勾配を計算しません。",
        (
            "順伝播の前に parameter.requires_grad_(True)",
            "固定したままにするつもりなら、対象(wrt)とオプティマイザから外す",
        ),
    ),
    "custom_function": Wording(
        "勾配を返さない自作の autograd.Function",
        "backward がこの入力に None または 0 を返すため、逆伝播の連鎖がここで終わります。",
        (
            "forward のテンソル入力すべてに、同じ順序で勾配を返す",
            "backward が grad_output を使い、ctx.needs_input_grad で飛ばしていないか確かめる",
            "有限差分と比べる: gradcheck_lm.compare_gradients(fn, wrt)",
        ),
    ),
    "non_finite": Wording(
        "逆伝播で NaN または無限大",
        "入ってくる勾配は有限なのに、出ていく勾配が有限ではありません。この値で微分が発散しています。",
        (
            "特異点から離す: x.clamp_min(1e-12).sqrt()、log(softmax) の代わりに log_softmax",
            "演算の後ではなく前でマスクする: torch.where は選ばれない側の NaN 勾配も通す",
            "CTC: 目標がフレーム数より長いときは zero_infinity=True",
        ),
    ),
}


def heading_ja(text: str) -> str:
    """A heading of a column or a chart, or a word in a table, in Japanese; names stay as they are."""
    if text.endswith(", by module"):
        return text.removesuffix(", by module") + "(モジュール別)"
    return HEADINGS_JA.get(text, text)


HEADINGS_JA = {
    "arm": "手法",
    "CER %": "CER %",
    "CER % before": "CER % 前",
    "before": "前",
    "after": "後",
    "change, 95 %": "変化 (95 % 区間)",
    "LM nats/char": "LM nat/文字",
    "length": "長さの比",
    "LM gradient": "LM 勾配",
    "cosine": "コサイン",
    "weights": "重み",
    "s/step": "秒/ステップ",
    "Reading a new hand": "新しい筆跡の読み取り",
    "Penalty of the batch": "バッチのペナルティ",
    "Gradient of the penalty": "ペナルティの勾配",
    "step": "ステップ",
    "gradient norm": "勾配ノルム",
    "gradient norm of lm": "lm の勾配ノルム",
    "gradient norm of ctc": "ctc の勾配ノルム",
    "norm at the recogniser": "認識器での勾配ノルム",
    "CER in %, 95 % interval of its change": "CER % と変化の 95 % 区間",
    "nats per character, 95 % interval over lines": "nat/文字 と行に関する 95 % 区間",
    "= CTC alone": "= CTC だけ",
    "differ": "異なる",
    "moved": "動いた",
    "unmoved": "動かない",
}
