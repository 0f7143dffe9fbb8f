"""What goes wrong around a lesson, in both languages: the library's errors are English, and learners meet some of them.

They are known by their English here, at the edge of the course, so that the library need not know of languages.
"""

from __future__ import annotations

import errno
import re

from gradcheck_lm.course.language import Words
from gradcheck_lm.errors import (
    ArgumentError,
    CheckpointError,
    DataError,
    GradcheckLMError,
    LanguageModelError,
    LayoutError,
    MissingPackageError,
)
from gradcheck_lm.extras import install_line

SYSTEM = {
    errno.ENOSPC: Words(
        "ディスクに空きがありません。空きを作るか、別の場所を指定してください",
        "the disk is full: free some space, or write to another place",
    ),
    errno.EDQUOT: Words(
        "ディスクの割り当てを使い切っています。空きを作るか、別の場所を指定してください",
        "your disk quota is used up: free some space, or write to another place",
    ),
    errno.EFBIG: Words(
        "ここに書き込める大きさを超えています。別の場所を指定してください",
        "the file is larger than may be written here: write to another place",
    ),
    errno.EACCES: Words(
        "読み書きが許可されていません。別の場所を指定するか、権限を変えてください",
        "it may not be read or written: choose another place, or change its permissions",
    ),
    errno.EROFS: Words(
        "読み取り専用のファイルシステムです。別の場所を指定してください",
        "its file system is read-only: choose another place",
    ),
    errno.EISDIR: Words("ファイルが必要なところですが、フォルダです", "it is a folder where a file is needed"),
    errno.EEXIST: Words(
        "フォルダが必要なところですが、ファイルです。別の場所を指定してください",
        "it is a file where a folder is needed: choose another place",
    ),
    errno.ENOTDIR: Words(
        "パスの途中がフォルダではなくファイルです。別の場所を指定してください",
        "a part of that path is a file where a folder is needed: choose another place",
    ),
    errno.ENOENT: Words("存在しません。つづりを確かめてください", "it does not exist: check the spelling"),
    errno.ENAMETOOLONG: Words("名前が長すぎます", "its name is too long"),
}
"""What the system refuses, and the cure, by its number."""
SYSTEM[errno.EPERM] = SYSTEM[errno.EACCES]

_MEMORY = Words(
    "GPU のメモリが足りません。環境変数 CUDA_VISIBLE_DEVICES を空にすると CPU で実行できます",
    "the GPU's memory is full: give a smaller --batch-size, or --device cpu",
)
_REFUSED = Words("{place}{cure} ({said})", "{place}{cure} ({said})")
_FAILED = Words("{place}読み書きに失敗しました ({said})", "{place}{said}")
_ABSENT = Words(
    "パッケージ {name} がインストールされていません: {install} (足りないものの一覧: gradcheck-lm doctor)",
    "this needs {name}, which is not installed: {install} (gradcheck-lm doctor lists all that is missing)",
)

# by the English of gradcheck_lm/lm; what is in parentheses there is put where its name stands, a cure in Japanese
_LANGUAGE_MODELS = (
    (r"SmolLM2 comes in the package (?P<a>.*?), which is not installed: (?P<cure>.*)",
     "SmolLM2 はパッケージ {a} に入っていますが、インストールされていません。{cure}"),
    (r"the installed package (?P<a>.*?) holds no \.gguf file: (?P<cure>.*)",
     "インストールされているパッケージ {a} に .gguf ファイルがありません。{cure}"),
    (r"the folder (?P<a>.*?) holds no config\.json, so no transformers model; check the path",
     "フォルダ {a} に config.json がなく、transformers のモデルではありません。パスを確かめてください"),
    (r"(?P<a>.*?) is no folder, not in this machine's hub cache, and the Hugging Face hub does not answer: "
     r"(?P<cure>.*)",
     "言語モデル {a} が見つかりません。そのようなフォルダはなく、このマシンのキャッシュにもなく、Hugging Face Hub にも"
     "つながりません。{cure}"),
    (r"(?P<a>.*?) cannot be loaded as a causal language model \((?P<b>.*?)\): (?P<cure>.*)",
     "{a} を因果的な言語モデルとして読み込めません。{cure} (元のエラー: {b})"),
    (r"there is no file (?P<a>.*?); check the path", "ファイル {a} がありません。パスを確かめてください"),
    (r"(?P<a>.*?) is neither a folder with a causal language model nor a \.gguf file nor an n-gram in ARPA form; .*",
     "{a} は、因果的な言語モデルのフォルダでも、.gguf ファイルでも、ARPA 形式の n-gram でもありません。これらのどれか、"
     "Hugging Face Hub の名前、または smollm2、char、ngram を指定してください"),
    (r"(?P<a>.*?) does not hold its characters \((?P<b>.*?)\): (?P<cure>.*)",
     "{a} から文字の一覧を読み取れません。{cure} (元のエラー: {b})"),
    (r"(?P<a>.*?) holds (?P<b>.*?), expected a text: (?P<cure>.*)", "{a} の内容が文字列ではなく {b} です。{cure}"),
    (r"(?P<a>.*?) holds a character twice, and each token is one: (?P<cure>.*)",
     "{a} に同じ文字が二度あります。1 文字が 1 トークンです。{cure}"),
    (r"(?P<a>.*?) is an encoder-decoder \((?P<b>.*?)\); (?P<cure>.*)",
     "{a} はエンコーダ・デコーダ型のモデルです({b})。{cure}"),
    (r"(?P<a>.*?) is not a causal language model but (?P<b>.*?); (?P<cure>.*)",
     "{a} は因果的な言語モデルではありません({b})。{cure}"),
    (r"the config of (?P<a>.*?) says (?P<b>.*?) layers, a model has at least 1: .*",
     "{a} の設定では層の数が {b} です(1 以上が必要です)。config.json をコピーし直してください"),
    (r"the characters of (?P<a>.*?) make (?P<b>\S+) tokens \(two are not characters\) and the model embeds "
     r"(?P<c>\S+): .*",
     "{a} の文字の一覧は {b} トークンですが、モデルの語彙は {c} です。組が合っていません。両方を同じ場所から"
     "コピーしてください"),
    (r"the tokenizer of (?P<a>.*?) has (?P<b>\S+) tokens and the model embeds (?P<c>\S+): .*",
     "{a} のトークナイザの語彙は {b} ですが、モデルの語彙は {c} です。組が合っていません。両方を同じ場所から"
     "コピーしてください"),
    (r"the weights of (?P<a>.*?) lack (?P<b>\S+) tensors that its language model needs \(first: (?P<c>.*?)\); .*",
     "{a} の重みには、言語モデルに必要なテンソルが {b} 個足りません(最初は {c})。別のモデルの重みか、不完全な重みです。"
     "フォルダをコピーし直すか、別のモデルを指定してください"),
    (r"the weights of (?P<a>.*?) hold (?P<b>\S+) tensors more than its config speaks of \(first: (?P<c>.*?)\), .*",
     "{a} の重みには、設定にないテンソルが {b} 個あります(最初は {c})。フォルダをコピーし直してください"),
    (r"(?P<a>.*?) looks ahead: changing the last token changed what it says of earlier ones "
     r"\(by up to (?P<b>.*?)\), .*; (?P<cure>.*)",
     "{a} は先を見ています。最後のトークンを変えると、それより前の予測が最大 {b} 変わりました。因果的な言語モデルでは"
     "ありません。{cure}"),
    (r"the tokenizer of (?P<a>.*?) has no begin-of-text token .*",
     "{a} のトークナイザに文頭のトークンがありません。tokenizer_config.json の bos_token を設定してください"),
    (r"language models need (?P<a>\w+), which is not installed: (?P<b>.*)",
     "言語モデルにはパッケージ {a} が必要ですが、インストールされていません: {b}"),
    (r"reading a \.gguf file needs the package (?P<a>\w+), which is not installed: (?P<b>.*)",
     ".gguf ファイルを読むにはパッケージ {a} が必要ですが、インストールされていません: {b}"),
    (r"(?P<a>\w+) sends a gradient through the language model, and '(?P<b>\w+)' has no score_soft; .*",
     "{a} は言語モデルの中に勾配を通しますが、{b} はソフトな文字を受け取れません(score_soft がありません)。"
     "char や smollm2 のようなニューラル言語モデルを指定してください"),
    (r"n-gram files need (?P<a>\w+): (?P<b>.*)", "n-gram のファイルを読むにはパッケージ {a} が必要です: {b}"),
)  # fmt: skip
_CURES = (
    (r"install it with\n    (?P<a>.*)\nor let `(?P<b>.*?)` do it",
     "次のコマンドでインストールするか、`{b}` を実行してください。\n    {a}"),
    (r"on a machine with a network run `(?P<a>.*?)` and pass the folder it prints, or use .*",
     "つづりを確かめるか、ネットワークにつながるマシンで `{a}` を実行し、表示されたフォルダを指定してください。"
     "smollm2(pip だけで入ります)と char(このパッケージに付属)も使えます"),
    (r"the folder is damaged or not a causal language model: .*",
     "フォルダが壊れているか、因果的な言語モデルではありません。コピーし直すか、別のモデルを指定してください"),
    (r"the file is damaged or of a kind that transformers cannot read; .*",
     "ファイルが壊れているか、transformers が読めない種類です。入手し直すか、別のモデルを指定してください"),
    (r"copy the folder again", "フォルダをコピーし直してください"),
    (r"pass a causal \(left-to-right\) model such as .*",
     "smollm2、gpt2、char のような因果的な(左から右へ進む)モデルを指定してください"),
)  # fmt: skip
_KINDS = (
    (MissingPackageError, "必要なパッケージがありません: {english}"),
    (LanguageModelError, "この言語モデルは使えません: {english}"),
    (CheckpointError, "重みのファイルを読み込めません: {english}"),
    (DataError, "ファイルを読み込めません: {english}"),
    (LayoutError, "図を描けません: {english}"),
    (ArgumentError, "指定した値が正しくありません: {english}"),
)


def words_of(error: BaseException) -> Words | None:
    """What a learner is told of an error; None where it is none that can be mended from outside.

    An error of the library that is not known by its text keeps its English, behind what kind of thing it is.
    """
    if isinstance(error, GradcheckLMError):
        own = getattr(error, "words", None)
        return own if isinstance(own, Words) else Words(japanese(error), str(error))
    if isinstance(error, ModuleNotFoundError):
        return None if error.name is None or error.name.startswith("gradcheck_lm") else absent(error.name)
    if isinstance(error, OSError) and error.errno != errno.EPIPE:  # the reader of a pipe has seen enough
        return refused(error)
    return _MEMORY if type(error).__name__ == "OutOfMemoryError" else None  # torch's; torch may not be loaded here


def japanese(error: GradcheckLMError) -> str:
    """An error of the library in Japanese."""
    known = _translated(str(error), _LANGUAGE_MODELS)
    if known is not None:
        return known
    kind = next((text for kind, text in _KINDS if isinstance(error, kind)), "実行を続けられません: {english}")
    return kind.format(english=error)


def _translated(text: str, table: tuple[tuple[str, str], ...]) -> str | None:
    for pattern, translated in table:
        if (found := re.fullmatch(pattern, text, re.DOTALL)) is not None:
            parts = found.groupdict()
            if (cure := parts.get("cure")) is not None:
                parts["cure"] = _translated(cure, _CURES) or cure
            return translated.format(**parts)
    return None


def absent(name: str) -> Words:
    """A package is not installed."""
    return _ABSENT.filled(name=name, install="pip install torch" if name == "torch" else install_line("lab"))


def refused(error: OSError) -> Words:
    """What the system refused, and what to do about it."""
    place = f"{error.filename}: " if error.filename else ""
    said = error.strerror or str(error)
    cure = SYSTEM.get(error.errno or 0)
    if cure is None:
        return _FAILED.filled(place=place, said=said)
    return _REFUSED.filled(place=place, cure=cure, said=said)
