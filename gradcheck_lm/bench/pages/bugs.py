"""docs/bugs.md: programs after bugs that people reported in public, each with where, and what the debugger prints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gradcheck_lm.bench.pages.told import told
from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.flow.findings.model import KINDS

ZOO = Path(__file__).resolve().parents[3] / "tests" / "zoo"
_ISSUE = re.compile(r"([\w.-]+/[\w.-]+)?#(\d+)")
_ASKED = "\nimport gradcheck_lm as gc\n\nprint(gc.diagnose(loss, wrt=wrt))\n"
_LEFT_OUT = ("term ", "The way of the data", "No gradient", "The lesson on this")  # parts of the report
# cases of TrainCheck's paper that are public issues: what the zoo's header calls them, and where they are
_CASES = {
    "lightning-thunder-725": "Lightning-AI/lightning-thunder#725",
    "mmpretrain-702": "open-mmlab/mmpretrain#702",
    "pytorch-115607": "pytorch/pytorch#115607",
    "pytorch-51800": "pytorch/pytorch#51800",
    "accelerate 2665": "huggingface/accelerate#2665",
    "transformers-17877": "huggingface/transformers#17877",
    "transformers-33844": "huggingface/transformers#33844",
}
# threads whose stated cause is of the kind; read one by one, their programs are not kept here
REPORTED = {
    "not_held": "pytorch/pytorch#632, #666, #715, #1053, #38639, #59925, asyml/texar-pytorch#72",
    "stale": "microsoft/nni#4521, huggingface/transformers#3532, pytorch/pytorch#14467, hpcaitech/ColossalAI#5539",
    "not_cleared": "meta-pytorch/torchforge#71, wenet-e2e/wekws#72, snakers4/silero-vad#699, pytorch/pytorch#47175",
    "cleared_early": "bytetriper/RAE#67, ultralytics/ultralytics#11217, huggingface/accelerate#1299",
    "changed_in_place": "pytorch/pytorch#38480, #5687, quark0/darts#56",
    "suspicious_shape": "pytorch/pytorch#4938, #18349, pytorch/rl#1243, thu-ml/tianshou#40",
    "non_finite": "pytorch/pytorch#70348, #75181, #116349, #29372",
    "wrong_value": "pytorch/pytorch#146299, #162242",
    "changed_too_late": "pytorch/pytorch#148259, pytorch/torchtitan#1258",
}
# the zoo's header of it is older than the kind that names it best
_KIND = {"float16_loss_underflows": "underflow"}
NOT_SEEN = "**Not found by the debugger:** nothing above names the cause."


@dataclass(frozen=True)
class Bug:
    """One program: what it is, where people met it, and what is asked of it."""

    name: str
    about: str
    threads: str
    kinds: tuple[str, ...]
    program: str

    @property
    def by_script(self) -> bool:
        """It trains by itself, so `run` is what tells."""
        return not self.program.endswith(_ASKED)


def bugs(zoo: Path = ZOO) -> list[Bug]:
    """All programs whose header names a public thread or case.

    Raises:
        GradcheckLMError: there is no zoo: the page is made from a checkout.
    """
    paths = [*sorted((zoo / "broken").glob("*.py")), *sorted((zoo / "peers" / "broken").glob("*.py"))]
    if not paths:
        raise GradcheckLMError(f"{zoo} holds no programs; docs/bugs.md is made in a checkout of the source.")
    read = [_read(path) for path in paths]
    return sorted((bug for bug in read if bug is not None), key=lambda bug: (KINDS[bug.kinds[0]].code, bug.name))


def _read(path: Path) -> Bug | None:
    text = path.read_text(encoding="utf-8")
    head = dict(re.findall(r"^# (expected|thread|after|options): (.*)$", text, re.MULTILINE))
    threads = head.get("thread", "") or next((at for case, at in _CASES.items() if case in head.get("after", "")), "")
    kinds = tuple(dict.fromkeys(str(_KIND.get(path.stem, head["expected"])).split()))
    if not _ISSUE.search(threads) or not set(kinds) <= set(KINDS) or "options" in head:
        return None
    if "__file__" in text:  # it needs files beside it, so it cannot be pasted
        return None
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if not line.startswith("# "))
    about = " ".join(
        line[2:] for line in lines[:start] if not re.match(r"# (expected|thread|after|peers|options): ", line)
    )
    program = "\n".join(re.sub(r"\s+# <- \w+(?: \w+)*$", "", line) for line in lines[start:]).strip("\n") + "\n"
    trains = ".backward()" in program and "def loss" not in program
    gap = "\n" if program.splitlines()[-1].startswith(" ") else ""  # as a formatter has it
    return Bug(path.stem, about, threads, kinds, program if trains else program + gap + _ASKED)


def answer(bug: Bug) -> str:
    """What the debugger prints of it, whole."""
    return told(bug.program, explain=False) if bug.by_script else printed(bug.program)


def printed(program: str) -> str:
    """What the program prints by itself."""
    import contextlib
    import io
    import linecache
    import warnings

    import torch

    from gradcheck_lm.bench.pages.told import laid_out

    out = io.StringIO()
    with laid_out(program) as path, contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        linecache.checkcache(str(path))
        torch.manual_seed(0)
        exec(compile(program, str(path), "exec"), {"__name__": "__main__"})
        linecache.checkcache(str(path))
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())


def shortened(text: str) -> str:
    """Verdict and cuts; the table of terms, the tree and the lists of names left out."""
    parts = re.split(r"\n\n", text)
    kept = [part if not part.startswith(_LEFT_OUT) else "..." for part in parts]
    return "\n\n".join(part for number, part in enumerate(kept) if part != "..." or kept[number - 1] != "...")


def bugs_page() -> str:
    """The page, every program run anew."""
    found = bugs()
    lines = [
        "# Real bugs",
        "",
        f"{len(found)} small programs, each after a bug that somebody reported in public: the thread, the program in "
        "our own words, and what is printed, without the table of terms, the tree and the lists of names (`...`). All "
        "can be pasted and run. The debugger was mended with them at hand, so they show what it says and prove nothing "
        "about bugs that it has not met; for those see [scripts written blind](results/threads.md), [public programs, "
        "unchanged](results/public-code.md) and "
        "[what other debuggers see](results/peers.md). All kinds: [findings](findings.md).",
        "",
        "| bug | kind | met in |",
        "|---|---|---|",
    ]
    for bug in found:
        codes = ", ".join(KINDS[kind].code for kind in bug.kinds)
        lines.append(f"| [{bug.about}](#{bug.name.replace('_', '-')}) | {codes} | {linked(bug.threads)} |")
    for bug in found:
        lines += _section(bug)
    lines += ["", "## Reported as well", ""]
    lines += ["Threads whose stated cause is of a kind that is decided from the training step or the loss's shape:", ""]
    for kind, threads in REPORTED.items():
        about = KINDS[kind]
        lines.append(f"- [{about.code} {kind}](findings.md#{about.code}), {about.title}: {linked(threads)}")
    return "\n".join(lines) + "\n"


def _section(bug: Bug) -> list[str]:
    kinds = ", ".join(f"[{KINDS[kind].code} {kind}](findings.md#{KINDS[kind].code})" for kind in bug.kinds)
    lines = ["", f'<a id="{bug.name.replace("_", "-")}"></a>', "", f"## {bug.about.rstrip('.')}", ""]
    lines += [f"{linked(bug.threads)}; {kinds}.", "", "```python", bug.program.rstrip(), "```", ""]
    said = answer(bug)
    lines += ["`python -m gradcheck_lm run train.py` prints" if bug.by_script else "prints", ""]
    lines += ["```text", shortened(said), "```"]
    seen = all(f"{KINDS[kind].code} {kind}: " in said for kind in bug.kinds)
    return lines if seen else [*lines, "", NOT_SEEN]


def linked(threads: str) -> str:
    """`owner/name#12, #13` with a link for each number; text without a number stays as it is."""
    last = ""

    def link(match: re.Match[str]) -> str:
        nonlocal last
        last = match[1] or last
        return f"[{match[0]}](https://github.com/{last}/issues/{match[2]})"

    return _ISSUE.sub(link, threads)
