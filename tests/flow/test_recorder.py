"""The recorder changes nothing, keeps nothing, survives everything; and it finds the user's line."""

from __future__ import annotations

import gc
import textwrap
import threading
import weakref

import pytest
import torch
from forked_python import run_python
from torch import nn

from gradcheck_lm.flow import diagnose, record
from gradcheck_lm.flow.watching.recorder import Recorder


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(4, 3)


def test_errors_pass_with_their_traceback(model: nn.Module) -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2") as caught, record():
        model(torch.randn(2, 5))
    assert caught.traceback[0].path.name == "test_recorder.py"
    assert torch.overrides._get_current_function_mode() is None
    assert not torch.nn.modules.module._global_forward_pre_hooks
    assert diagnose(lambda: model(torch.randn(2, 4)).sum(), model).ok


def test_nothing_is_held_after_the_block(model: nn.Module) -> None:
    with record() as run:
        hidden = model(torch.randn(2, 4))
        loss = hidden.exp().sum()
    watched = [weakref.ref(hidden), weakref.ref(loss)]
    del hidden, loss
    gc.collect()
    assert [reference() for reference in watched] == [None, None]
    assert run is not None


def test_nested_recorders(model: nn.Module) -> None:
    with record() as outer:
        first = model(torch.randn(2, 4))
        with record() as inner:
            loss = first.argmax(-1).float().sum()
        total = loss + first.sum()
    assert [finding.kind for finding in inner.diagnose(loss, wrt=[first]).findings] == ["discrete_op"]
    assert outer.diagnose({"a": loss, "b": total}, wrt=model).dead == ("a",)


def test_a_long_chain_is_walked_without_recursion() -> None:
    start = torch.ones(3, requires_grad=True)

    def chain() -> torch.Tensor:
        value = start
        for _ in range(3000):
            value = value * 1.0001
        return value.sum()

    assert diagnose(chain, [start]).ok

    def cut() -> torch.Tensor:
        value = start
        for _ in range(1500):
            value = value + 1
        value = value.detach()
        for _ in range(1500):
            value = value * 1.0001
        return value.sum()

    assert [finding.kind for finding in diagnose(cut, [start]).findings] == ["detach"]


def test_other_threads_are_left_alone(model: nn.Module) -> None:
    results = []
    with record() as run:
        thread = threading.Thread(target=lambda: results.append(model(torch.ones(1, 4)).sum()))
        thread.start()
        thread.join()
        loss = model(torch.ones(1, 4)).sum()
    assert torch.equal(results[0], loss)
    assert run.diagnose(loss, model).ok


def test_generators_and_grad_mode_are_as_before(model: nn.Module) -> None:
    def batches():
        for _ in range(3):
            yield torch.randn(2, 4)

    with torch.no_grad(), record() as run:
        loss = sum(model(batch).sum() for batch in batches())
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    finding = run.diagnose(loss, model).findings[0]
    assert finding.kind == "grad_disabled"
    assert finding.scope is None
    assert "before" not in finding.cures
    assert "off already" in finding.why
    assert finding.cures[0].startswith("leave the block that switched it off")


def test_enable_grad_inside_no_grad(model: nn.Module) -> None:
    def loss() -> torch.Tensor:
        data = torch.randn(2, 4)
        with torch.no_grad():
            data = data * 2
            with torch.enable_grad():
                output = model(data)
            dead = output.exp()
        return {"live": output.sum(), "dead": dead.sum()}  # type: ignore[return-value]

    diagnosis = diagnose(loss, model)
    assert diagnosis.dead == ("dead",)
    assert diagnosis.findings[0].kind == "grad_disabled"
    assert diagnosis.findings[0].source.startswith("dead = output.exp()")


def test_user_line_in_lambda_and_exec(model: nn.Module) -> None:
    finding = diagnose(lambda: model(torch.ones(1, 4)).detach().sum(), model).findings[0]
    assert finding.source.startswith("finding = diagnose(lambda:")
    assert finding.function == "<lambda>"
    scope = {"model": model, "torch": torch}
    exec(
        compile(
            "def loss():\n    out = model(torch.ones(1, 4))\n    return out.data.sum()\n", "<ipython-input-7>", "exec"
        ),
        scope,
    )
    finding = diagnose(scope["loss"], model).findings[0]
    assert (finding.file, finding.line, finding.kind) == ("<ipython-input-7>", 3, "detach")


def test_user_line_through_decorators_and_libraries(model: nn.Module) -> None:
    import functools

    def twice(function):
        @functools.wraps(function)
        def inner(value):
            return function(function(value))

        return inner

    @twice
    def halve(value):
        return value.detach() / 2

    finding = diagnose(lambda: halve(model(torch.ones(1, 4))).sum(), model).findings[0]
    assert finding.source == "return value.detach() / 2"


def test_python_dash_c() -> None:
    program = """
    import torch
    from gradcheck_lm.flow import diagnose
    model = torch.nn.Linear(2, 2)
    def loss():
        return model(torch.ones(1, 2)).argmax().float()
    finding = diagnose(loss, model).findings[0]
    print(finding.kind, finding.file, finding.line)
    """
    done = run_python("-c", textwrap.dedent(program))
    assert done.stdout.split() == ["discrete_op", "<string>", "6"], done.stderr


def test_columns_count_characters_not_bytes(model: nn.Module) -> None:
    def loss() -> torch.Tensor:
        名前 = model(torch.ones(1, 4))
        損失 = 名前.argmax(-1)
        return 損失.float().sum()

    finding = diagnose(loss, model).findings[0]
    assert finding.columns is not None
    assert finding.source[slice(*finding.columns)] == ".argmax(-1)"


def test_custom_function_met_in_a_block(model: nn.Module) -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, value):
            return value * 2

        @staticmethod
        def backward(ctx, gradient):
            return gradient * 2

    with record() as run:
        loss = Double.apply(model(torch.ones(1, 4))).sum()
    assert run.diagnose(loss, model).findings == ()


def test_recording_after_backward_still_answers(model: nn.Module) -> None:
    with record() as run:
        loss = model(torch.ones(1, 4)).square().sum()
        loss.backward()
    diagnosis = run.diagnose(loss, model)
    assert diagnosis.ok
    assert any("freed" in note for note in diagnosis.notes)


def test_calls_grow_linearly(model: nn.Module) -> None:
    recorder = Recorder()
    value = torch.zeros(1)
    with recorder:
        for _ in range(2000):
            value = value + 1
    assert len(recorder.recording.calls) == 2000
    assert len(recorder.recording.tokens) == 2001


def test_graph_of_a_functional_transform_is_left_alone(model: nn.Module) -> None:
    weights = {name: value.detach() for name, value in model.named_parameters()}

    def loss(parameters: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.func.functional_call(model, parameters, (torch.ones(1, 4),)).square().sum()

    plain = torch.func.grad(loss)(weights)
    with record():
        watched = torch.func.grad(loss)(weights)
        torch.func.vmap(torch.sin)(torch.ones(3, 2))
    assert all(torch.equal(plain[name], watched[name]) for name in plain)


def test_a_recorder_is_let_go_at_once(model: nn.Module) -> None:
    """It is part of no circle of references: nothing waits for the garbage collector."""
    recorder = Recorder()
    with recorder:
        model(torch.ones(1, 4)).sum()
    held = weakref.ref(recorder.recording)
    gc.disable()
    try:
        del recorder
        assert held() is None
    finally:
        gc.enable()


def test_asking_for_a_gradient_changes_no_value(model: nn.Module) -> None:
    """requires_grad_() on what shares a tensor's memory is no change of that tensor: no operation stands for it."""
    with record() as run:
        output = model(torch.ones(1, 4))
        output.detach().requires_grad_().square().sum().backward()
        loss = output.sum()
    assert [call.operation.title for call in run.recorder.recording.calls if call.operation.title == "view"] == []
    assert run.diagnose(loss, model).ok
