"""Words as every picture writes them: headings in both languages, short lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradcheck_lm.flow.findings.messages import Text

WORDS = {
    "ok": Text("ok", "正常"),
    "warned": Text("ok, with {count} warning(s)", "正常(警告 {count} 件)"),
    "broken": Text("BROKEN", "異常"),
    "flow": Text("gradient flow", "勾配の流れ"),
    "training": Text("training step", "学習ステップ"),
    "way": Text("The way of the data", "データの流れ"),
    "cut": Text("The cut", "切断箇所"),
    "cuts": Text("The cuts, in the order in which the data flows", "切断の連鎖(データの流れる順)"),
    "step": Text("Between backward() and the next step", "backward() から次のステップまで"),
    "warning": Text("Very likely not meant", "意図しないと思われる箇所"),
    "note": Text("Also seen, and harmless here: another path carries the gradient", "無害な切断(別の経路が勾配を通す)"),
    "idle": Text("Also seen, and no error by itself", "参考(それ自体は誤りではない)"),
    "unreached": Text("No gradient", "勾配のないテンソル"),
    "zero": Text("A gradient of exactly 0", "勾配が厳密に 0 のテンソル"),
    "count": Text("{count} of {total} tensors", "{total} 個のうち {count} 個"),
    "several": Text("{count} tensors", "{count} 個"),
    "notes": Text("Notes", "注記"),
    "why": Text("why", "理由"),
    "cure": Text("cure", "対処"),
    "loses": Text("loses", "影響"),
    "of": Text("of", "対象"),
    "as": Text("as for {number}", "{number} と同じ"),
    "in": Text("in {function}", "(関数 {function})"),
    "for term": Text("term {term}", "損失項 {term}"),
    "scope": Text("gradient was switched off at {place}", "勾配計算が無効にされた場所: {place}"),
    "library": Text("inside a library, at {place}", "ライブラリの中: {place}"),
    "no line": Text("(unknown line)", "(行は不明)"),
    "alive": Text("alive", "届く"),
    "dead": Text("DEAD", "届かない"),
    "no proof": Text("requires_grad is no proof", "requires_grad は証拠にならない"),
    "certain": Text("certain", "確実"),
    "confirmed": Text("confirmed", "確認済み"),
    "likely": Text("likely", "可能性が高い"),
    "term": Text("term", "損失項"),
    "value": Text("value", "値"),
    "requires_grad": Text("requires_grad", "requires_grad"),
    "reaches": Text("reaches", "届く数"),
    "gradient norm": Text("gradient norm", "勾配ノルム"),
    "verdict": Text("verdict", "判定"),
    "reach": Text("{count} of {total}", "{count}/{total}"),
    "asked": Text("{count} tensor(s) asked about", "対象のテンソル {count} 個"),
    "asked about": Text("tensor asked about", "対象のテンソル"),
    "parameters": Text("parameters", "パラメータ"),
    "nothing": Text("no gradient", "勾配なし"),
    "nought": Text("gradient 0", "勾配 0"),
    "in some": Text("{what} in {count} of {total} tensors", "{total} 個のうち {count} 個が{what}"),
    "outside": Text("(outside torch)", "(torch の外)"),
    "shared": Text("for {terms}", "({terms} のため)"),
    "and": Text(" and ", " と "),
    "live": Text("carries gradient", "勾配を通す"),
    "stops": Text("the gradient stops here", "勾配はここで止まる"),
    "aside": Text("stops on a side path, harmless", "枝分かれの先で止まる(無害)"),
    "beyond": Text("could never carry one", "勾配は通らない"),
    "loss": Text("Loss {number} of {count}", "損失 {number}/{count}"),
    "backward": Text(": backward() at {place}", ": backward() の行は {place}"),
    "lesson": Text(
        "The lesson on this: {lesson} (gradcheck-lm lessons)", "対応する課: {lesson} (gradcheck-lm lessons)"
    ),
    "about term": Text("Term {term}: {text}", "損失項 {term}: {text}"),
    "more": Text("{names} and {count} more", "{names} ほか {count} 個"),
    "shapes": Text(
        "solid: carries gradient; red octagon: cut here; dashed: behind a cut, could never carry one; note: left torch",
        "実線: 勾配を通す / 赤い八角形: ここで切断 / 破線: 切断の先、勾配は通らない / 角の折れた箱: torch の外の値",
    ),
    "shape of an aside": Text(
        "amber octagon: a side path cut, harmless: another path carries the gradient",
        "橙色の八角形: 枝分かれの先の切断(無害: 別の経路が勾配を通す)",
    ),
    "twice": Text("The same step twice: what changed is highlighted", "同じステップの比較: 変わった箇所を強調"),
    "broken half": Text("broken", "修正前"),
    "fixed half": Text("fixed", "修正後"),
    "in them": Text("{what} in {count} of them", "うち {count} 個が{what}"),
    "norm": Text("gradient norm {norm}", "勾配ノルム {norm}"),
    "value and flag": Text("value {value}, requires_grad {flag}", "値 {value}、requires_grad {flag}"),
    "reaches nothing": Text("dead: reaches nothing", "どこにも届かない"),
    "lines": Text("{place} + {count} line(s)", "{place} ほか {count} 行"),
    # with spaces that do not end a line
    "rest": Text(" and\u00a0{count}\u00a0more", " ほか\u00a0{count}\u00a0個"),
    "tensors": Text("{count} tensors", "テンソル {count} 個"),
    "members": Text("{count} of them", "計 {count} 個"),
    "shape": Text("shape {shape}", "形状 {shape}"),
    "dead leaf": Text(
        "a leaf: requires_grad is True,\nbut nothing leads from here to the model",
        "葉テンソル: requires_grad は True だが、\nここからモデルへの経路はない",
    ),
    "no grad_fn": Text("no grad_fn: backward has nowhere to go", "grad_fn がない: 逆伝播はここから先へ進めない"),
    "stretches": Text(
        "{nodes} nodes folded into {boxes}: each box is a stretch of operations",
        "{nodes} 個のノードを {boxes} 個にまとめました: 箱は一続きの演算です",
    ),
    "operations": Text("{count} operations", "演算 {count} 個"),
    "kinds": Text("and {count} more kind(s)", "ほか {count} 種類"),
    "see above": Text("(see above)", "(上と同じ)"),
    "left out": Text("... and {count} more", "... ほか {count} 個"),
    "others": Text("{name} and others", "{name} など"),
    "leaves": Text("leaves", "葉テンソル"),
}


def say(word: str, language: str, **values: object) -> str:
    """A word or heading in one language, its fields filled; "(s)" becomes the plural that the count asks for."""
    text = WORDS[word].say(language, {name: str(value) for name, value in values.items()})
    return text.replace("(s)", "" if str(values.get("count")) == "1" else "s") if "(s)" in WORDS[word].en else text


def by_module(names: Iterable[str], most: int = 8) -> list[tuple[str, list[str]]]:
    """Dotted names grouped by module, with the deepest grouping that has at most `most` groups."""
    listed = list(names)
    deepest = max((name.count(".") for name in listed), default=0)
    for depth in range(deepest, 0, -1):
        groups: dict[str, list[str]] = {}
        for name in listed:
            module = name.rpartition(".")[0]
            groups.setdefault(".".join(module.split(".")[:depth]) or name, []).append(name)
        if len(groups) <= most or depth == 1:
            return list(groups.items())
    return [(name, [name]) for name in listed]


def few(names: Sequence[str], most: int = 4, language: str = "en") -> str:
    """The first names, and how many more there are."""
    head = ", ".join(names[:most])
    return say("more", language, names=head, count=len(names) - most) if len(names) > most else head
