"""The kinds of finding in Japanese: title, why and cures, in the order of flow's own table, the English one."""

from __future__ import annotations

from dataclasses import dataclass

from gradcheck_lm.flow.findings import KINDS, Finding


@dataclass(frozen=True)
class Wording:
    """What a finding says in one language."""

    title: str
    why: str
    cures: tuple[str, ...]


def wording_ja(finding: Finding) -> Wording:
    """A finding in Japanese; a sentence that was written for this one finding alone stays as it is."""
    kind, translated = KINDS.get(finding.kind), KINDS_JA.get(finding.kind)
    if kind is None or translated is None:
        return Wording(finding.title, finding.why, finding.cures)
    if finding.cures == kind.cures:
        cures = translated.cures
    else:
        cures = tuple(SENTENCES_JA.get(cure, cure) for cure in finding.cures)
    why = translated.why if finding.why == kind.why else SENTENCES_JA.get(finding.why, finding.why)
    return Wording(translated.title, why, cures)


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

_STAIRS = "入力が少し変わっても変わらず、あるところで急に飛ぶため、微分が存在せず autograd は何も記録しません。"
# what flow says of single operations
SENTENCES_JA = {
    "argmax gives the index of the largest value: a whole number that stays the same under small changes and then "
    "jumps, so it has no derivative and autograd records nothing.": f"argmax は最大値の添字(整数)を返します。{_STAIRS}",
    "argmin gives the index of the smallest value: a whole number that stays the same under small changes and then "
    "jumps, so it has no derivative and autograd records nothing.": f"argmin は最小値の添字(整数)を返します。{_STAIRS}",
    "softmax probabilities times the embedding table instead of embedding(argmax) (soft embeddings)": (
        "embedding(argmax) の代わりに softmax の確率 × 埋め込み表(ソフト埋め込み)"
    ),
    "keep the hard choice forward, the soft one backward: hard + soft - soft.detach() (straight-through)": (
        "順伝播は硬い選択、逆伝播は軟らかい選択: hard + soft - soft.detach() (straight-through)"
    ),
    "torch.nn.functional.gumbel_softmax(logits, hard=True) for a sampled choice with a gradient": (
        "勾配を持つ標本選択: torch.nn.functional.gumbel_softmax(logits, hard=True)"
    ),
    "policy gradient on sampled outputs: reward.detach() * log_prob; what follows may be a black box": (
        "標本に対する方策勾配: reward.detach() * log_prob (後段がブラックボックスでもよい)"
    ),
    "one_hot takes indices, which carry no gradient, and gives whole numbers.": (
        "one_hot は勾配を持たない添字を受け取り、整数を返します。"
    ),
    "use the softmax probabilities where the one-hot rows went": "one-hot の行の代わりに softmax の確率を使う",
    "A comparison gives yes or no: it stays the same under small changes and then flips, so it has no derivative.": (
        "比較の結果は真か偽です。入力が少し変わっても変わらず、あるところで反転するため、微分が存在しません。"
    ),
    "a soft comparison: torch.sigmoid((a - b) / temperature)": "軟らかい比較: torch.sigmoid((a - b) / temperature)",
    "for a hinge or a margin: torch.relu(a - b) instead of counting a > b": (
        "ヒンジやマージンには a > b を数える代わりに torch.relu(a - b)"
    ),
    "use the yes/no only as a mask on a value that carries the gradient": (
        "真偽は、勾配を持つ値へのマスクとしてだけ使う"
    ),
    "Asking a cut value for a gradient makes it the beginning of a new graph: backward() runs without an error and "
    "stops here.": (
        "切断された値に勾配を求めると、新しい計算グラフの始まりになります。backward() は動きますが、ここで止まります。"
    ),
    "drop requires_grad_(): it silences the error and mends nothing": (
        "requires_grad_() を外す: エラーを隠すだけで何も直らない"
    ),
    "mend the cut that stands before it, where the value lost its history": ("その手前の、値が履歴を失った切断を直す"),
}


def heading_ja(text: str) -> str:
    """A column's or a chart's heading in Japanese; names stay as they are."""
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
}
