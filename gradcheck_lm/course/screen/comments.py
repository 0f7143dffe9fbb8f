"""Comments and docstrings of the code that a lesson shows, in Japanese."""

from __future__ import annotations

import re

_COMMENT = re.compile(r"(?P<before>(?:^|\s)# )(?P<words>.+)$")
_DOCSTRING = re.compile(r'^(?P<before>\s*""")(?P<words>[^"]+)(?P<after>""")$')
_JAPANESE_LETTER = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
_JAPANESE = {
    "A language model behind a wall: strings in, numbers out, as from a service on the network.":
        "壁の向こうの言語モデル。ネットワーク上のサービスのように、文字列を受け取って数値を返す。",
    "A number that remembers what it was made of.": "何から計算されたかを覚えている数。",
    "Cross entropy, its gradient computed beforehand.": "勾配をあらかじめ計算しておく交差エントロピー。",
    "From the gradient of the (8, 3) that something was spread to.":
        "(8, 3) に広げられたものの勾配を、広げた先の勾配から求める。",
    "How many steps a walk takes that does not remember where it has been.": "訪れた場所を覚えずにたどったときの歩数。",
    "How steep the loss is at its inputs: a loss made of a gradient.": "入力での損失の傾きの大きさ。勾配から作る損失。",
    "Steps of the same length along each fix's gradient; no labels. Gives the readings and the seconds.":
        "手法ごとの勾配に沿って、同じ長さのステップを進む。正解は使わない。読み取り結果と秒数を返す。",
    "The mean of that many policy gradients of four samples each, with the mean of the others as baseline.":
        "4 サンプルの方策勾配を、この回数だけ平均したもの。ベースラインは、ほかのサンプルの平均。",
    "The same penalty without create_graph.": "同じペナルティで、create_graph がないもの。",
    "Train over chunks of a series, the state carried from one to the next.":
        "時系列を区間ごとに学習する。状態は次の区間に引き継ぐ。",
    "What DistributedDataParallel does in backward(): afterwards all ranks hold the mean of their gradients.":
        "DistributedDataParallel が backward() で行うこと。終わると、全ランクが勾配の平均を持つ。",
    "What gathers in .grad over micro-batches, each with its weight.":
        "マイクロバッチごとの重みを掛けて、.grad にたまるもの。",
    "Whatever mode each part was in, it is in again afterwards.": "どの部品も、呼ぶ前のモードに戻る。",
    "(6,) times (6, 1)": "(6,) と (6, 1) の積",
    "(6, 5) times (6, 1): five numbers for each place": "(6, 5) と (6, 1) の積。一つの場所に五つの数",
    ".data has no version": ".data にはバージョンがない",
    "divides by the scale, or skips": "スケールで割る。有限でなければ更新しない",
    "functional: it does not know the mode": "関数なので、モードを知らない",
    "halves the scale after a skip": "更新しなかったあとは、スケールを半分にする",
    "how many numbers, without the weights": "保存される数の個数。重みは除く",
    "meant: a slow start, with step / 1000": "意図は、step / 1000 によるゆるやかな開始",
    "of shape ()": "形は ()",
    "one line too early: from here on the codebook is cut off": "一行早い。ここから先、コードブックには届かない",
    "pairs (value, slope): how fast this number moves with that one":
        "(値, 傾き) の組。その値につれて、この数がどれだけ速く動くか",
    "says which frames belong together, no more": "どのフレームがまとまるかを決めるだけ",
    "the broken arm: there is nothing to follow": "壊れたペナルティ。たどる勾配がない",
    "the letter that each frame belongs to": "それぞれのフレームが属する文字",
    "the optimizer holds the old one": "オプティマイザが持つのは古いヘッド",
    "the same dropout each time": "毎回同じ Dropout",
    "value of hard, gradient of soft": "値は hard、勾配は soft",
    "what the first stage has left over": "一段目の残り",
    "what this rank alone would say": "このランクだけの損失",
    "without the blank": "ブランクを除く",
}  # fmt: skip


def in_japanese(source: str) -> str:
    """Source with its comments and docstrings in Japanese, where there is any; code stays as it is."""
    return "\n".join(_line(line) for line in _one_side(source.split("\n"), japanese=True))


def in_english(source: str) -> str:
    """Source without the Japanese of docstrings and comments that have both languages, as those of exercises do."""
    return "\n".join(_one_side(source.split("\n"), japanese=False))


def _one_side(lines: list[str], *, japanese: bool) -> list[str]:
    """Of docstrings that have both languages, one: "English. / 日本語" in a line, or paragraphs."""
    kept: list[str] = []
    block: list[str] = []  # of a docstring of several lines
    for line in lines:
        opens = line.lstrip().startswith('"""')
        if block or (opens and line.count('"""') == 1):
            block.append(line)
            if len(block) > 1 and '"""' in line:
                kept += _paragraphs(block, japanese=japanese)
                block = []
        elif opens and _JAPANESE_LETTER.search(line) and " / " in line:
            english, _, other = line.partition(" / ")
            indent = line[: len(line) - len(line.lstrip())]
            kept.append(f'{indent}"""{other}' if japanese else f'{english}"""')
        elif _JAPANESE_LETTER.search(line) and not japanese and line.lstrip().startswith("#"):
            continue
        else:
            kept.append(line)
    return kept + block


def _paragraphs(block: list[str], *, japanese: bool) -> list[str]:
    """Of a docstring of several lines: English comes first, and the first line may have a title in both."""
    indent = block[0][: len(block[0]) - len(block[0].lstrip())]
    text = [line.strip() for line in "\n".join(block).replace('"""', "").split("\n")]
    title, _, other = text[0].partition(" / ")
    in_both = bool(_JAPANESE_LETTER.search(other)) and not _JAPANESE_LETTER.search(title)
    body = text[1:] if in_both else text
    first = next((place for place, line in enumerate(body) if _JAPANESE_LETTER.search(line)), None)
    if not in_both and not first:  # in one language alone
        return block
    chosen = "\n".join(body[first:] if japanese else body[:first]).strip().splitlines()
    lines = [*([other if japanese else title, ""] if in_both else []), *chosen]
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""']
    return [f'{indent}"""{lines[0]}', *(f"{indent}{line}".rstrip() for line in lines[1:]), f'{indent}"""']


def english_left(source: str) -> list[str]:
    """Comments and docstrings of one line that have no Japanese; `# fmt:` and its like are for tools."""
    found = [match["words"] for line in source.split("\n") if (match := _found(line))]
    return [words for words in found if words not in _JAPANESE and not re.match(r"fmt:|noqa|type:|%%", words)]


def _line(line: str) -> str:
    match = _found(line)
    if match is None or match["words"] not in _JAPANESE:
        return line
    return line[: match.start("words")] + _JAPANESE[match["words"]] + line[match.end("words") :]


def _found(line: str) -> re.Match[str] | None:
    return _DOCSTRING.match(line) or _COMMENT.search(line)
