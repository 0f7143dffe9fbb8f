"""docs/errors.md and docs/errors.ja.md: every error of autograd, by its text, with the program that gives it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gradcheck_lm.bench.pages.told import told
from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.flow.findings.messages import Text
from gradcheck_lm.flow.findings.model import KINDS

PROGRAMS = Path(__file__).resolve().parents[3] / "tests" / "zoo" / "refused" / "programs"
_INSTEAD = "# ---- instead ----\n"
_TITLE = Text("Errors by their text", "エラー文から探す")
_OTHER = Text("[日本語](errors.ja.md)", "[English](errors.md)")
_INTRODUCTION = Text(
    "Look for the message that you got. Each program here is whole: paste it into `train.py`, and it gives that "
    "message; the second one gives none. Between them stands what `python -m gradcheck_lm run --explain train.py` "
    "prints of the first (of a warning, without `--explain`). On a script of your own it is the same command; the "
    "script is not changed ([how to install](index.md#install)).",
    "出たメッセージを探してください。プログラムはどれもそのまま動きます。`train.py` に貼り付けて実行すると、その"
    "メッセージが出ます。直した二つ目では出ません。その間に、一つ目を"
    " `python -m gradcheck_lm run --explain train.py` で実行したときの表示を載せています(警告では `--explain` なし)。"
    "自分のスクリプトでも同じコマンドを使います。スクリプトは書き換えません([インストール](index.md#install))。",
)
_ERRORS = Text("Errors", "エラー")
_WARNINGS = Text("Warnings, and advice that cuts", "警告と、勾配を切る助言")
_SILENT = Text("Nothing is printed, and it does not learn", "何も表示されず、学習もしない")
_KIND = Text("It is the kind {}.", "種類は {} です。")
_SAYS = Text("says:", "の表示:")
_WRITE = Text("Instead:", "代わりに:")
_FOLLOWED = Text("With the advice followed, `train.py`:", "助言に従った `train.py`:")
_QUIET = Text(
    "Most gradients are lost without a message: `param.grad` is None or zero, a term of the loss is ignored, weights "
    "stand still. The same command without `--explain`, or `print(gc.diagnose(fn, wrt=model))`, finds these; "
    "[real bugs](bugs.md) has programs that people published, [kinds of finding](findings.md) all of them.",
    "失われる勾配の多くは、何のメッセージも出しません。`param.grad` が None や 0 になる、損失の一つの項が無視"
    "される、重みが"
    "動かない、などです。同じコマンドを `--explain` なしで使うか、`print(gc.diagnose(fn, wrt=model))` で見つ"
    "かります。"
    "公開されたコードの例は[実際のバグ](bugs.md)、すべての種類は[一覧](findings.md)にあります。",
)
_CUDNN = Text(
    "`cudnn RNN backward can only be called in training mode` comes on a GPU alone, so no program stands here: the "
    "recurrent module is in eval mode while its loss goes backward (GF713). Call `.train()` on it, and freeze its "
    "weights if they should stay.",
    "`cudnn RNN backward can only be called in training mode` は GPU でしか出ないので、プログラムは載せていません"
    "。損失の逆伝播の"
    "とき、再帰モジュールが eval モードになっています(GF713)。`.train()` を呼び、重みを固定したいなら凍結"
    "してください。",
)


@dataclass(frozen=True)
class Entry:
    """One message, the program that gives it and the one that does not.

    Args:
        raised: "error", "warning", or "advice": the program follows what the message advises.
    """

    name: str
    error: str
    kind: str
    raised: str
    also: Text
    about: Text
    broken: str
    instead: str

    def title(self, language: str) -> str:
        """The message, and in which case of it."""
        quoted = f"`` {self.error} ``" if "`" in self.error else f"`{self.error}`"
        also = self.also.say(language)
        return quoted + (f"({also})" if language == "ja" else f", {also}") if also else quoted


def entries(folder: Path = PROGRAMS) -> list[Entry]:
    """All messages, in the order of the files.

    Raises:
        GradcheckLMError: there are no programs: the page is made from a checkout.
    """
    found = [_read(path) for path in sorted(folder.glob("*.py"))]
    if not found:
        raise GradcheckLMError(f"{folder} holds no programs; docs/errors.md is made in a checkout of the source.")
    return found


def _read(path: Path) -> Entry:
    text = path.read_text(encoding="utf-8")
    head = dict(re.findall(r"^# (error|kind|raised|also|also_ja|en|ja): (.*)$", text, re.MULTILINE))
    broken, _, instead = text.partition(_INSTEAD)
    broken = re.sub(r"\A(?:# \w+: .*\n)+", "", broken)
    about, also = Text(head["en"], head["ja"]), Text(head.get("also", ""), head.get("also_ja", ""))
    return Entry(path.stem, head["error"], head["kind"], head["raised"], also, about, broken, instead)


def errors_page(language: str = "en") -> str:
    """The page in one language, every program run anew."""
    found = entries()
    lines = [f"# {_TITLE.say(language)}", "", _OTHER.say(language), "", _INTRODUCTION.say(language)]
    lines += [
        "",
        f"## {_ERRORS.say(language)}",
        "",
        *(f"- [{one.title(language)}](#{_anchor(one)})" for one in found if one.raised == "error"),
    ]
    lines += ["", _CUDNN.say(language)]
    lines += [
        "",
        f"## {_WARNINGS.say(language)}",
        "",
        *(f"- [{one.title(language)}](#{_anchor(one)})" for one in found if one.raised != "error"),
    ]
    lines += ["", f"## {_SILENT.say(language)}", "", _QUIET.say(language)]
    for one in found:
        lines += _section(one, language)
    return "\n".join(lines) + "\n"


def _anchor(entry: Entry) -> str:
    return entry.name.partition("_")[2].replace("_", "-")


def _section(entry: Entry, language: str) -> list[str]:
    kind = KINDS[entry.kind]
    lines = ["", f'<a id="{_anchor(entry)}"></a>', "", f"## {entry.title(language)}", "", entry.about.say(language)]
    lines += ["", _KIND.say(language).format(f"[{kind.code} {kind.name}](findings.md#{kind.code})")]
    if entry.raised == "advice":
        lines += ["", _FOLLOWED.say(language)]
    lines += ["", "```python", entry.broken.rstrip(), "```"]
    explain = entry.raised == "error"  # what raises nothing is told by the plain command
    command = f"python -m gradcheck_lm run {'--explain ' if explain else ''}train.py"
    lines += ["", f"`{command}` {_SAYS.say(language)}"]
    lines += ["", "```text", told(entry.broken, language=language, explain=explain), "```"]
    return [*lines, "", _WRITE.say(language), "", "```python", entry.instead.rstrip(), "```"]
