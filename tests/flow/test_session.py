"""Scripts with several losses and optimizers, and scripts that look at themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from script_files import write
from torch.optim.optimizer import _global_optimizer_pre_hooks

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.scripts.runner import run_script, watch_script
from gradcheck_lm.flow.scripts.watched.recorder import ScriptRecorder
from gradcheck_lm.flow.scripts.watched.step_watch import StepWatch
from gradcheck_lm.flow.stepping.ledger.ledger import Ledger, Parameter

GAN = """
    import torch
    from torch import nn
    from torch.nn.functional import softplus

    torch.manual_seed(0)
    generator, critic = nn.Linear(4, 6), nn.Linear(6, 1)
    slow, fast = torch.optim.Adam(generator.parameters()), torch.optim.Adam(critic.parameters())
    for step in range(3):
        fake = generator(torch.randn(5, 4)).tanh()
        loss = softplus(critic(fake.detach())).mean() + softplus(-critic(torch.randn(5, 6))).mean()
        fast.zero_grad()
        loss.backward()
        fast.step()
        loss = softplus(-critic(fake{cut})).mean()
        slow.zero_grad()
        loss.backward()
        slow.step()
    print("trained")
"""


@pytest.mark.parametrize("until", ["two-steps", "backward", "end"])
def test_the_two_players_of_a_gan_are_asked_about_apart(script: Path, until: str) -> None:
    diagnosis = run_script(write(script, GAN, cut=""), until=until)
    assert diagnosis.ok, str(diagnosis)
    assert not diagnosis.errors


def test_a_starved_player_is_found(script: Path) -> None:
    diagnosis = run_script(write(script, GAN, cut=".data"), until="end")
    assert diagnosis.unreached == ("generator.weight", "generator.bias")
    assert [finding.kind for finding in diagnosis.errors] == ["detach"]
    assert not any("out of sight" in note for note in diagnosis.notes)  # the line is known


CUT_BEFORE = """
    import torch
    model, head = torch.nn.Linear(4, 3), torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.1)
    kept = model(torch.randn(5, 4)).detach()
    head(torch.randn(5, 3)).sum().backward(){step}
    for _ in range(2):
        optimizer.zero_grad()
        head(kept).square().mean().backward()
        optimizer.step()
"""


def test_a_cut_before_the_last_backward_is_told_as_one_that_may_be(script: Path) -> None:
    write(script, CUT_BEFORE.replace("{step}", "; optimizer.step()"))
    told = [diagnosis for _, diagnosis in watch_script(script, until="end").losses]
    assert "constant" in [finding.kind for finding in told[-1].errors]
    assert any("before the last one is out of sight" in note for note in told[-1].notes)


def test_a_cut_that_only_the_first_look_saw_is_named(script: Path) -> None:
    write(script, CUT_BEFORE.replace("{step}", ""))
    told = [diagnosis for _, diagnosis in watch_script(script, until="end").losses]
    assert [(finding.kind, finding.line) for finding in told[-1].errors] == [("detach", 4)]


def test_two_optimizers_that_step_after_one_loss(script: Path) -> None:
    write(
        script,
        """
        import torch
        encoder, decoder = torch.nn.Linear(4, 3), torch.nn.Linear(3, 4)
        slow = torch.optim.SGD(encoder.parameters(), lr=0.1)
        fast = torch.optim.SGD(decoder.parameters(), lr=0.1)
        for _ in range(2):
            loss = decoder(encoder(torch.randn(5, 4)).detach()).square().mean()
            slow.zero_grad(), fast.zero_grad()
            loss.backward()
            fast.step(), slow.step()
            print("stepped")
        """,
    )
    for until in ("two-steps", "backward", "end"):
        diagnosis = run_script(script, until=until)
        assert len(diagnosis.unreached) == 2
        assert diagnosis.findings[0].kind == "detach"


def test_two_losses_before_two_steps(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        script,
        """
        import torch
        left, right = torch.nn.Linear(4, 1), torch.nn.Linear(4, 1)
        one = torch.optim.SGD(left.parameters(), lr=0.1)
        two = torch.optim.SGD(right.parameters(), lr=0.1)
        for _ in range(2):
            data = torch.randn(5, 4)
            left(data).square().mean().backward()
            right(data).square().mean().backward()
            one.step(), two.step()
            one.zero_grad(), two.zero_grad()
        print("trained")
        """,
    )
    assert run_script(script, until="backward").ok
    assert run_script(script, until="end").ok
    assert capsys.readouterr().out == "trained\n"  # the first run stopped at the second backward()


@pytest.mark.parametrize("optimizer", ["AdamW", "SGD"])
def test_reading_grad_is_no_cut(script: Path, optimizer: str) -> None:
    write(
        script,
        f"""
        import torch
        model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
        optimizer = torch.optim.{optimizer}(model.parameters(), lr=0.1)
        for _ in range(3):
            loss = model(torch.randn(4, 3)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        """,
    )
    diagnosis = run_script(script, until="end")
    assert diagnosis.ok
    assert diagnosis.findings == ()


def test_torch_is_as_before(script: Path) -> None:
    before = dict(_global_optimizer_pre_hooks)
    original = torch.optim.Optimizer.__init__
    run_script(write(script, GAN, cut=""), until="end")
    assert dict(_global_optimizer_pre_hooks) == before
    assert torch.optim.Optimizer.__init__ is original


def test_main_argv_and_neighbours(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (script.parent / "neighbour_of_script.py").write_text("import torch\nnet = torch.nn.Linear(2, 1)\n")
    write(
        script,
        """
        import inspect
        import sys
        from neighbour_of_script import net

        def main():
            print(__name__, __file__ == sys.argv[0], sys.argv[1:], sys.modules["__main__"].__dict__ is globals())
            print(inspect.getsource(main).splitlines()[0], __doc__, __package__, __spec__)
            net(__import__("torch").ones(1, 2)).detach().sum().backward()

        if __name__ == "__main__":
            main()
        """,
    )
    diagnosis = run_script(script, ["-x", "--until", "1"])
    assert capsys.readouterr().out.splitlines() == [
        "__main__ True ['-x', '--until', '1'] True",
        "def main(): None None None",
    ]
    assert (diagnosis.findings[0].kind, diagnosis.findings[0].function) == ("detach", "main")


def test_relative_imports_of_a_module_and_its_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "session_package" / "inner"
    package.mkdir(parents=True)
    (tmp_path / "session_package" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (tmp_path / "session_package" / "net.py").write_text("import torch\nnet = torch.nn.Linear(2, 1)\n")
    (package / "train.py").write_text(
        "import torch\nfrom ..net import net\nassert __package__ == 'session_package.inner'\n"
        "assert __spec__.name == 'session_package.inner.train' and __name__ == '__main__'\n"
        "net(torch.ones(1, 2)).round().sum().backward()\n"
    )
    monkeypatch.chdir(tmp_path)
    diagnosis = run_script("session_package.inner.train", module=True)
    assert (diagnosis.findings[0].kind, diagnosis.findings[0].line) == ("zero_gradient", 5)


def test_what_may_be_asked_until(script: Path) -> None:
    with pytest.raises(TraceError, match="until is 'later'"):
        watch_script(write(script, "pass"), until="later")


def test_a_weight_that_outlives_its_model_is_told_as_it_was_after_the_last_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where main() has returned, and a graph or a list still holds one of the tensors alone."""
    watch = StepWatch(ScriptRecorder(), dict)
    then = Parameter("0.weight", (2, 2), "float32", True, "module", held_by=(0,))
    now = Parameter("a tensor of no module (2x2)", (2, 2), "float32", True, "nowhere")
    free = Parameter("a tensor of no module (3)", (3,), "float32", True, "nowhere")
    watch._last = Ledger((then, free))
    monkeypatch.setattr(watch.watcher, "ledger", lambda names, complete: Ledger((now, free, now), complete=complete))
    assert watch.ledger(complete=True).parameters == (then, free, now)  # the last was not known then


@pytest.mark.parametrize("texts_first", [True, False])
def test_each_of_two_losses_before_one_step_is_asked_about_its_texts(script: Path, texts_first: bool) -> None:
    """The labels are moved on once more in the loss; beside it stands one without texts."""
    texts = (
        "logits = write(read(embed(torch.cat([labels[:, :1] * 0, labels[:, :-1]], 1)))[0])[:, :-1]\n"
        "    nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten()).backward()"
    )
    other = "plain(torch.randn(5, 4)).square().mean().backward()"
    first, second = (texts, other) if texts_first else (other, texts)
    script.write_text(
        "import torch\nfrom torch import nn\n"
        "embed, read, write = nn.Embedding(30, 8), nn.GRU(8, 8, batch_first=True), nn.Linear(8, 30)\n"
        "plain = nn.Linear(4, 2)\n"
        "model = nn.ModuleList([embed, read, write, plain])\n"
        "optimizer = torch.optim.Adam(model.parameters())\n"
        "for _ in range(2):\n"
        "    labels = torch.randint(1, 30, (4, 12))\n"
        "    optimizer.zero_grad()\n"
        f"    {first}\n    {second}\n    optimizer.step()\n"
    )
    found = [one for _, diagnosis in watch_script(script).losses for one in diagnosis.findings]
    assert [one.cause for one in found if one.severity == "warning"] == ["shifted_twice"]
