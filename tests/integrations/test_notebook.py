"""Results and the cell magic in IPython, in this process: names of cells, tracebacks, what is shown."""

from __future__ import annotations

import builtins
import importlib
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from gradcheck_lm.errors import GradientFlowError, TraceError

pytestmark = pytest.mark.needs("IPython")


class Shell:
    """A shell whose cells are run and whose output is read."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell

    def run(self, cell: str) -> tuple[Any, str]:
        """A cell's result and what it printed; an error is the result."""
        capture = importlib.import_module("IPython.utils.capture").capture_output
        with capture(display=False) as captured:
            done = self.shell.run_cell(cell, store_history=True)
        error = done.error_before_exec or done.error_in_exec
        return (done.result if error is None else error), captured.stdout


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    kept = sys.displayhook, sys.excepthook, dict(vars(builtins))
    cls = importlib.import_module("IPython.core.interactiveshell").InteractiveShell
    config = importlib.import_module("traitlets.config").Config()
    config.HistoryManager.enabled = False
    one = Shell(cls.instance(config=config, colors="nocolor"))
    one.run("%load_ext gradcheck_lm")
    one.run("import torch, gradcheck_lm as gc\nmodel = torch.nn.Linear(3, 2)\nx = torch.randn(4, 3)")
    one.run(
        "def terms():\n"
        "    output = model(x)\n"
        "    return {'fit': output.square().mean(), 'lm': output.argmax(-1).float().mean()}"
    )
    one.run("diagnosis = gc.diagnose(terms, wrt=model)")
    yield one
    cls.clear_instance()
    sys.displayhook, sys.excepthook, before = kept
    for name in set(vars(builtins)) - set(before):
        delattr(builtins, name)


def number(shell: Shell) -> int:
    """Of the next cell."""
    return shell.shell.execution_count


def test_a_line_is_named_as_the_traceback_names_it(shell: Shell) -> None:
    here = number(shell)
    answer, printed = shell.run("gc.diagnose(terms, wrt=model)")
    cell = next(number for number in range(here) if "def terms" in shell.shell.user_ns["In"][number])
    assert f"Cell In[{cell}], line 3 in terms" in printed
    assert f"at In[{cell}]:3" in printed  # short, in a sentence and a graph
    assert "ipykernel" not in printed
    assert re.search(r"\n +return .*output\.argmax\(-1\).*\n +\^{11}\n", printed)
    line, caret = re.search(r"\n( +return .*)\n( +\^+)\n", printed).groups()
    assert line[caret.index("^") : len(caret)] == ".argmax(-1)"
    assert answer.findings[0].file.startswith("/tmp") or "ipython" in answer.findings[0].file  # data keeps the file


def test_in_a_list_there_is_room_for_one_line(shell: Shell) -> None:
    _, printed = shell.run("diagnosis.findings")
    assert re.fullmatch(r"Out\[\d+\]: \(<Finding: GF101 discrete_op at Cell In\[\d+\], line 3, error>,\)\n", printed)
    _, printed = shell.run("{'d': diagnosis}")
    assert printed.count("\n") == 1


@pytest.mark.parametrize("which", ["0", "-1", "'GF101'", "'gf101'", "'discrete_op'", "diagnosis.findings[0]"])
def test_what_if_takes_an_index_or_a_code(shell: Shell, which: str) -> None:
    answer, printed = shell.run(f"diagnosis.what_if({which})")
    assert answer.arrives
    assert "The gradient arrives: norm" in printed


@pytest.mark.parametrize("which", ["7", "'GF999'", "None", "True"])
def test_what_if_says_what_there_is(shell: Shell, which: str) -> None:
    error, printed = shell.run(f"diagnosis.what_if({which})")
    assert isinstance(error, TraceError)
    assert "There are: 0: GF101 discrete_op." in printed


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("gc.diagnose(lambda: None, wrt=model)", TraceError),
        ("gc.diagnose(3, wrt=model)", TraceError),
        ("gc.assert_gradient_flows(terms, model)", GradientFlowError),
        ("gc.GradientWatch(model, 3)", ValueError),
        ("gc.diagnose(lambda: model(x) @ x, wrt=model)", RuntimeError),
        ("with gc.record() as run:\n    model(x) @ x", RuntimeError),
        ("%%gradflow model\nmodel(x) @ x", RuntimeError),
        ("gc.diagnose_step(lambda: model(x) @ x, model, torch.optim.SGD(model.parameters(), lr=1.0))", RuntimeError),
    ],
)
def test_no_frame_of_ours_in_a_traceback(shell: Shell, cell: str, kind: type) -> None:
    error, printed = shell.run(cell)
    assert isinstance(error, kind)
    assert kind.__name__ in printed or isinstance(error, ValueError)
    assert f"Cell In[{number(shell) - 1}], line" in printed
    assert "gradcheck_lm/flow" not in printed
    assert printed.count("---->") == 1 if "lambda: model" not in cell and "%%" not in cell else True


def test_a_programs_own_error_keeps_its_own_frames(shell: Shell) -> None:
    shell.run("def inner():\n    return model(x) @ x\ndef outer():\n    return inner()")
    _, printed = shell.run("gc.diagnose(outer, wrt=model)")
    assert "in outer()" in printed
    assert "in inner()" in printed
    assert "gradcheck_lm/flow" not in printed


# ---------------------------------------------------------------------- the magic


def test_the_last_expression_is_the_loss(shell: Shell) -> None:
    here = number(shell)
    answer, _ = shell.run(
        "%%gradflow model\noutput = model(x)\noutput.square().mean() + output.argmax(-1).float().mean()"
    )
    assert not answer.ok
    finding = answer.findings[0]
    assert (finding.code, finding.line) == ("GF101", 3)
    assert f"Cell In[{here}], line 3" in str(answer)
    assert "output" in shell.shell.user_ns  # the cell ran as any other


@pytest.mark.parametrize(
    "cell",
    [
        "%%gradflow model\nloss = model(x).argmax(-1).float().mean() + model(x).mean()",
        "%%gradflow model --loss total\ntotal = model(x).argmax(-1).float().mean() + model(x).mean()",
        "%%gradflow model\n{'a': model(x).mean(), 'b': model(x).argmax(-1).float().mean()}",
        "%%gradflow {'w': model.weight}\n(model(x).argmax(-1).float().mean() + model(x).mean()).backward()",
    ],
)
def test_other_ways_to_say_what_the_loss_is(shell: Shell, cell: str) -> None:
    answer, _ = shell.run(cell)
    assert [finding.code for finding in answer.errors] == ["GF101"]
    assert answer.findings[0].line == 2
    shell.run("loss = None")


def test_whole_steps_are_told_what_becomes_of_their_gradients(shell: Shell) -> None:
    here = number(shell)
    answer, printed = shell.run(
        "%%gradflow model\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "for _ in range(3):\n"
        "    model(x).square().mean().backward()\n"
        "    optimizer.step()"
    )
    assert answer.findings[0].kind == "not_cleared"
    assert f"Cell In[{here}], line 4" in printed
    assert "optimizer stepped 3 times" in printed


def test_the_loss_of_an_earlier_cell_is_not_asked_about(shell: Shell) -> None:
    shell.run("loss = model(x).argmax(-1).float().mean() * model.bias.sum()")
    capture = importlib.import_module("IPython.utils.capture").capture_output
    with capture(display=False) as captured:
        shell.shell.run_cell("%%gradflow model\nprint(model(x).shape)", store_history=True)
    assert "this cell leaves no loss to ask about" in captured.stdout + captured.stderr
    shell.run("loss = torch.zeros(())")
    answer, _ = shell.run("%%gradflow model\nloss += model(x).square().mean()")
    assert answer.ok
    shell.run("del loss")


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("%%gradflow\n1", "which model? Write %%gradflow model"),
        ("%%gradflow nobody\n1", "the model is given as 'nobody', and that fails: NameError"),
        ("%%gradflow model\na = 1", "this cell leaves no loss to ask about"),
        ("%%gradflow model --loss nobody\na = 1", "the loss is given as 'nobody'"),
    ],
)
def test_a_magic_that_cannot_answer_says_why(shell: Shell, cell: str, text: str) -> None:
    shell.run("loss = None")
    capture = importlib.import_module("IPython.utils.capture").capture_output
    with capture(display=False) as captured:
        shell.shell.run_cell(cell, store_history=True)
    assert text in captured.stdout + captured.stderr


def test_the_random_numbers_and_the_weights_of_a_cell_are_its_own(shell: Shell) -> None:
    step = (
        "torch.manual_seed(5)\nnet = torch.nn.Linear(3, 2)\nsgd = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "for _ in range(2):\n    sgd.zero_grad()\n    torch.dropout(net(x), 0.5, True).square().mean().backward()\n"
        "    sgd.step()\n"
    )
    shell.run(step + "plain = net.weight.detach().clone()")
    shell.run("%%gradflow model.weight\n" + step)
    assert shell.run("torch.equal(plain, net.weight)")[0] is True
