"""What pytest's own summary and junit's report say of a failure, where there is room for one line."""

from __future__ import annotations

import re

import pytest


@pytest.mark.parametrize("arguments", [(), ("-n", "1")], ids=["", "xdist"])
def test_the_summary_says_what_and_where(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """At the 80 columns of a pipe, and in junit's message: the code, the operation, the line, and no class's name."""
    if arguments:
        pytest.importorskip("xdist")
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("CI", "BUILD_NUMBER"):  # there pytest shortens nothing
        monkeypatch.delenv(name, raising=False)
    pytester.makepyfile(
        test_x="""
        import pytest, torch
        import gradcheck_lm as gc
        model, x = torch.nn.Linear(4, 3), torch.ones(2, 4)
        def penalty():
            return model(x).argmax(-1).float().mean()
        def test_assert():
            gc.assert_gradient_flows(penalty, model)
        def test_fixture(gradient_flow):
            gradient_flow(penalty, model)
        def test_other_cut(gradient_flow):
            gradient_flow.broken(penalty, model, op="x")
        @pytest.mark.gradient_flow
        def test_marker():
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            (penalty() + 0 * model.bias.sum()).backward()
        """
    )
    # in a process of its own: what torch imports late cannot be imported a second time in this one
    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "--junitxml=junit.xml", *arguments)
    result.assert_outcomes(failed=4)
    messages = re.findall(r'<failure message="(.*?)"', (pytester.path / "junit.xml").read_text(encoding="utf-8"))
    assert len(messages) == 4
    for name in ("assert", "fixture", "marker"):
        result.stdout.re_match_lines(
            [rf"FAILED test_x.py::test_{name} - (Failed: )?GF\d+ \w+, .*test_x.py:\d+( \(\+1\))?$"]
        )
    result.stdout.re_match_lines([r"FAILED test_x.py::test_other_cut - the gradient is cut, but not.*"])
    assert sum(message.startswith("GF101 argmax, ") for message in messages) >= 2
