"""The pytest plugin, as its users meet it: in test runs of its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from child_processes import run_process
from plugin_program import LINE
from torch import nn


def test_a_gradient_that_arrives(run) -> None:
    run(
        """
def test_function(gradient_flow):
    diagnosis = gradient_flow(healthy, model)
    assert diagnosis.ok
    assert diagnosis.wrt == ("weight", "bias")

def test_loss_that_is_there(gradient_flow):
    assert gradient_flow(healthy(), wrt=model).ok
""",
        outcomes={"passed": 2},
    )


def test_a_failure_shows_the_diagnosis_and_not_our_frames(run) -> None:
    result = run("\ndef test_cut(gradient_flow):\n    gradient_flow(cut, model)\n", outcomes={"failed": 1})
    text = result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            ">*gradient_flow(cut, model)",
            "E*GradientFlowError:*",
            "E*gradient flow: BROKEN*",
            "E*lm is dead: no gradient from there reaches any of the 2 tensors*",
            f"E*test_it.py:{LINE} in cut*torch.Tensor.argmax*",
        ]
    )
    assert "pytest_plugin.py" not in text
    assert "asserts.py" not in text
    assert "recorder.py" not in text


def test_an_error_of_the_program_shows_its_own_frames_alone(run) -> None:
    result = run(
        """
def wrong():
    return model(torch.ones(4, 5)).sum()

def test_wrong(gradient_flow):
    gradient_flow(wrong, model)

def test_no_loss(gradient_flow):
    gradient_flow(lambda: None, model)
""",
        outcomes={"failed": 2},
    )
    text = result.stdout.str()
    result.stdout.fnmatch_lines(
        ["*return model(torch.ones(4, 5)).sum()", "*mat1 and mat2 shapes cannot be multiplied*"]
    )
    result.stdout.fnmatch_lines(["E*TraceError: what fn returned is None*"])
    assert not re.search(r"gradcheck_lm.flow.\w+\.py:\d+", text)


def test_an_expected_cut(run) -> None:
    result = run(
        f"""
def test_found(gradient_flow):
    diagnosis = gradient_flow.broken(
        cut, model, kind="discrete_op", code="GF101", line={LINE}, term="lm", op="torch.Tensor.argmax",
        file="test_it.py", source="output.argmax",
    )
    assert diagnosis.findings[0].line == {LINE}

def test_any(gradient_flow):
    gradient_flow.broken(cut, model)

@pytest.mark.parametrize("wrong", [{{"kind": "detach"}}, {{"line": 1}}, {{"source": "softmax"}}, {{"file": "other.py"}},
                                   {{"kind": "discrete_op", "line": 1}}, {{"term": "fit"}}, {{"op": "torch.argmax"}}])
def test_elsewhere(gradient_flow, wrong):
    gradient_flow.broken(cut, model, **wrong)

def test_mended(gradient_flow):
    gradient_flow.broken(healthy, model, kind="discrete_op")
""",
        outcomes={"passed": 2, "failed": 8},
    )
    result.stdout.fnmatch_lines(
        ["E*not where expected: no cut has kind='detach'*", "E*gradient flow: BROKEN*", "E*GF101*"]
    )
    result.stdout.fnmatch_lines(["E*expected a cut with kind='discrete_op', but the gradient arrives*"])


def test_a_kind_that_there_is_not(run) -> None:
    """No program can ever give it: said before anything is run, in one line, with the kinds that there are."""
    result = run(
        """
def never():
    raise AssertionError("the loss was computed")

@pytest.mark.parametrize("wrong", [{"kind": "argmax"}, {"kind": "detatch"}, {"code": "GF999"}, {"code": "gf101"}])
def test_fixture(gradient_flow, wrong):
    gradient_flow.broken(never, model, **wrong)

@pytest.mark.gradient_flow(kind="argmax")
def test_marker():
    never()

@pytest.mark.gradient_flow(knd="detach")
def test_keyword():
    never()
""",
        outcomes={"failed": 6},
    )
    text = result.stdout.str()
    assert "the loss was computed" not in text
    assert "pytest_plugin.py" not in text
    result.stdout.fnmatch_lines(["E*ArgumentError: there is no kind of finding 'argmax'. There are: discrete_op, *"])
    assert "an operation goes by op=, a term by term=." in text
    assert "there is no kind of finding 'detatch'; do you mean detach?" in text
    assert re.search(r"there is no kind of finding 'GF999'.* There are: GF101, GF102, ", text)
    assert "there is no kind of finding 'gf101'; do you mean GF101?" in text
    marker, keyword = text.index("_ test_marker _"), text.index("_ test_keyword _")
    assert (
        text[marker:keyword]
        .splitlines()[1]
        .startswith(
            "the marker gradient_flow describes no cut: there is no kind of finding 'argmax'. There are: discrete_op, "
        )
    )
    assert text[keyword:].splitlines()[1] == (
        "the marker gradient_flow takes the keywords broken, kind, code, term, op, file, line, source; it was given "
        "knd."
    )
    assert len(text[marker : text.index("short test summary")].splitlines()) < 8


def test_the_marker_watches_every_backward(run) -> None:
    result = run(
        """
def train(loss):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

@pytest.mark.gradient_flow
def test_trains():
    train(healthy)

@pytest.mark.gradient_flow
def test_does_not_train():
    train(lambda: sum(cut().values()))

def test_does_not_train_either():
    train(lambda: sum(cut().values()))

@pytest.mark.gradient_flow(kind="discrete_op", source="argmax")
def test_known_cut():
    train(lambda: sum(cut().values()))

@pytest.mark.gradient_flow(broken=True)
def test_mended():
    train(healthy)

@pytest.mark.gradient_flow
def test_no_backward():
    healthy()

@pytest.mark.gradient_flow
def test_its_own_failure():
    train(healthy)
    assert 1 == 2

@pytest.mark.gradient_flow(knid="detach")
def test_misspelt():
    train(healthy)
""",
        outcomes={"passed": 3, "failed": 5},
    )
    text = result.stdout.str()
    for name in ("test_trains", "test_does_not_train_either", "test_known_cut"):
        assert f"FAILED test_it.py::{name} " not in text
    result.stdout.fnmatch_lines(["*test_does_not_train*", "gradient flow: BROKEN"])
    result.stdout.fnmatch_lines([f"*test_it.py:{LINE} in cut*"])
    result.stdout.fnmatch_lines(["expected a cut, but the gradient arrives"])
    result.stdout.fnmatch_lines(["this test is marked gradient_flow and called no backward()*"])
    result.stdout.fnmatch_lines(["*takes the keywords broken, kind, *it was given knid*"])
    failures = text[
        text.index("= FAILURES =") : text.index("_ test_misspelt _")
    ]  # that one is no failure of a gradient
    assert "pluggy" not in failures
    assert "pytest_plugin.py" not in failures
    assert "runner.py" not in failures


def test_the_marker_leaves_torch_as_it_was(run) -> None:
    import torch

    before = torch.optim.Optimizer.__init__
    run(
        "\n@pytest.mark.gradient_flow\ndef test_raises():\n    raise RuntimeError('mine')\n", outcomes={"failed": 1}
    ).stdout.fnmatch_lines(["E*RuntimeError: mine"])
    assert torch.optim.Optimizer.__init__ is before
    assert torch.overrides._len_torch_function_stack() == 0


def test_start_up_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "test_trivial.py").write_text("def test_it(): pass\n")
    (tmp_path / "conftest.py").write_text(
        "import sys\n"
        "def pytest_unconfigure(config):\n"
        "    print('PLUGIN', config.pluginmanager.hasplugin('gradcheck_lm'))\n"
        "    ours = [name for name in sys.modules if name.startswith('gradcheck_lm.')]\n"
        "    print('LOADED', [name for name in ('torch', 'numpy', 'rich') if name in sys.modules], *sorted(ours))\n"
    )
    for arguments in (["--collect-only"], []):
        done = run_process(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, str(tmp_path)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert "PLUGIN True" in done.stdout, done.stdout + done.stderr
        assert (
            "LOADED [] gradcheck_lm.errors gradcheck_lm.integrations gradcheck_lm.integrations.pytest_plugin"
            in done.stdout
        )


def test_the_fixture_is_here_too(gradient_flow) -> None:
    model = nn.Linear(2, 1)
    gradient_flow(lambda: model(model.weight).sum(), model)
    gradient_flow.broken(lambda: model(model.weight.detach()).detach().sum(), model, kind="detach")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_failure_is_told_as_it_was(
    run, golden: Callable[[str, str], None], pytester: pytest.Pytester, language: str
) -> None:
    pytester.makeini(f"[pytest]\ngradient_flow_language = {language}\n")
    body = """
@pytest.mark.gradient_flow
def test_marked():
    with torch.no_grad():
        model.weight.fill_(0.5), model.bias.fill_(0.25)
    loss = sum(cut().values())
    loss.backward()

def test_cut(gradient_flow):
    gradient_flow(cut, model)
"""
    text = run(body, "--tb=short", outcomes={"failed": 2}).stdout.str()
    told = text[text.index("= FAILURES =") : text.index("= short test summary")]
    golden(
        f"views/pytest_{language}.txt",
        "\n".join(line.rstrip(" =_").lstrip("=_ ") if line[:1] in "=_" else line for line in told.splitlines()) + "\n",
    )


def test_another_language_is_refused(run, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ngradient_flow_language = fr\n")
    result = run("\ndef test_nothing():\n    pass\n")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*gradient_flow_language is 'fr'; a diagnosis is told in 'en' or in 'ja'.*"])
