"""The pytest plugin: the fixture and the marker `gradient_flow`, and --gradient-report DIR.

pytest loads this module at every start, so it imports nothing but pytest; torch and the debugger are imported when the
fixture or the marker is first used.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gradcheck_lm.errors import ArgumentError, GradientFlowError

if TYPE_CHECKING:
    from gradcheck_lm.flow.findings.model import Diagnosis, Finding

_OURS = str(Path(__file__).resolve().parents[1] / "flow")
_KEYS = ("kind", "code", "term", "op", "file", "line", "source")  # by which a cut can be described
_LANGUAGE = "gradient_flow_language"
_used = pytest.StashKey[bool]()
_MARKER = (
    "gradient_flow(broken=False, kind=, code=, term=, op=, file=, line=, source=): fails unless every backward() in "
    "the test feeds all parameters that its optimizers hold; with an argument, unless the gradient is cut as described."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("gradient flow").addoption(
        "--gradient-report",
        dest="gradient_report",
        metavar="DIR",
        default=None,
        help="for each test that fails by its gradient flow, leave DIR/<test>/diagnosis.json, diagnosis.txt, graph.svg",
    )

    parser.addini(_LANGUAGE, "the language of a failure's diagnosis: en or ja", default="en")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    if (language := config.getini(_LANGUAGE)) not in ("en", "ja"):
        raise pytest.UsageError(f"{_LANGUAGE} is {language!r}; a diagnosis is told in 'en' or in 'ja'.")
    folder = config.getoption("gradient_report")
    if folder is not None:  # whole, so that xdist's workers mean the same folder
        config.option.gradient_report = str(config.invocation_params.dir / folder)


@pytest.fixture
def gradient_flow(request: pytest.FixtureRequest) -> GradientFlow:
    """gradient_flow(loss_or_fn, wrt): the gradient arrives at every tensor; gradient_flow.broken(...): it is cut."""
    request.node.stash[_used] = True
    return GradientFlow(request.config.getini(_LANGUAGE))


class GradientFlow:
    """What the fixture gives: asserts about gradients whose failure text is the diagnosis."""

    def __init__(self, language: str = "en") -> None:
        self._language = language

    def __call__(self, loss_or_fn: Any, wrt: Any, *, counterfactual: bool = True) -> Diagnosis:
        """Fail unless every tensor in `wrt` gets a gradient that is not all zero, and no term of the loss is dead.

        Args:
            loss_or_fn: a function of no arguments that gives the loss or a dict of its terms (lines are named), or a
                loss that is already computed.
            wrt: the model, a dict of tensors, or tensors.
            counterfactual: as in `diagnose`.
        Returns:
            Diagnosis.
        Raises:
            GradientFlowError: the text is the diagnosis.
            TraceError: the loss is no number, or wrt holds no tensor.
        """
        __tracebackhide__ = True
        diagnosis = _diagnosis(loss_or_fn, wrt, counterfactual)
        if not diagnosis.ok:
            raise GradientFlowError(_told(diagnosis, self._language), diagnosis)
        return diagnosis

    def broken(
        self,
        loss_or_fn: Any,
        wrt: Any,
        *,
        kind: str | None = None,
        code: str | None = None,
        term: str | None = None,
        op: str | None = None,
        file: str | None = None,
        line: int | None = None,
        source: str | None = None,
        counterfactual: bool = True,
    ) -> Diagnosis:
        """Fail unless the gradient is starved, by a cut that is as described.

        Args:
            loss_or_fn, wrt, counterfactual: as above.
            kind, code, term, op: what one cut must be, all of them at once; those left out may be anything.
            file, line: its place, with the end of a path as file: "losses.py". Of the program's own line, or of the
                library's inside which it was cut.
            source: a piece of the cut's source line.
        Returns:
            Diagnosis.
        Raises:
            GradientFlowError: the gradient arrives, or no cut is as described; the text says what was expected and is
                the diagnosis.
            ArgumentError: no kind of finding has that name or code.
            TraceError: as above.
        """
        __tracebackhide__ = True
        expected = {"kind": kind, "code": code, "term": term, "op": op, "file": file, "line": line, "source": source}
        described = {name: value for name, value in expected.items() if value is not None}
        if wrong := _misnamed(described):
            raise ArgumentError(wrong)
        diagnosis = _diagnosis(loss_or_fn, wrt, counterfactual)
        fault = _unexpected(diagnosis, described, self._language)
        if fault:
            raise GradientFlowError(fault, diagnosis)
        return diagnosis


def _diagnosis(loss_or_fn: Any, wrt: Any, counterfactual: bool) -> Diagnosis:
    __tracebackhide__ = True
    from gradcheck_lm.flow import assert_gradient_flows

    try:
        return assert_gradient_flows(loss_or_fn, wrt, counterfactual=counterfactual)
    except GradientFlowError as error:
        if error.diagnosis is None:  # the program's own
            raise
        return error.diagnosis  # type: ignore[return-value]


def _text(diagnosis: Diagnosis, language: str) -> str:
    from gradcheck_lm.draw import view
    from gradcheck_lm.draw.terminal import text

    return text.render(view.of(diagnosis, language))


def _told(diagnosis: Diagnosis, language: str) -> str:
    """The diagnosis with what and where in its first line: pytest's summary shows no more."""
    from gradcheck_lm.flow.findings.headline import headline  # the plugin's own start is light

    return f"{headline(diagnosis.findings)}\n{_text(diagnosis, language)}"


def _unexpected(diagnosis: Diagnosis, expected: dict[str, Any], language: str) -> str:
    """What is wrong where a cut was expected; an empty text where it is there."""
    described = ", ".join(f"{name}={value!r}" for name, value in expected.items())
    if diagnosis.ok:
        fault = f"expected a cut{' with ' + described if expected else ''}, but the gradient arrives"
    elif expected and not any(_fits(finding, expected) for finding in diagnosis.errors):
        fault = f"the gradient is cut, but not where expected: no cut has {described}"
    else:
        return ""
    return f"{fault}\n{_text(diagnosis, language)}"


def _misnamed(expected: dict[str, Any]) -> str:
    """What is wrong where a kind or code is expected that there is not: no program would ever give it."""
    from gradcheck_lm.flow.findings.registry import KINDS, no_such_kind

    kind, code = expected.get("kind"), expected.get("code")
    if kind is not None and kind not in KINDS:
        return f"{no_such_kind(str(kind))}. There are: {', '.join(KINDS)}; an operation goes by op=, a term by term=."
    if code is not None and code not in (codes := [one.code for one in KINDS.values()]):
        return f"{no_such_kind(str(code))}. There are: {', '.join(codes)}."
    return ""


def _fits(finding: Finding, expected: dict[str, Any]) -> bool:
    wanted = dict(expected)
    file, line = wanted.pop("file", ""), wanted.pop("line", None)
    places = [(finding.file, finding.line), *([finding.library] if finding.library is not None else [])]
    here = any((where or "").replace("\\", "/").endswith(file) and line in (None, number) for where, number in places)
    return here and all(
        value in (finding.source or "") if name == "source" else getattr(finding, name) == value
        for name, value in wanted.items()
    )


# ---------------------------------------------------------------------- the marker


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    marker = pyfuncitem.get_closest_marker("gradient_flow")
    if marker is None:
        return (yield)
    expected = _expectation(marker)
    pyfuncitem.stash[_used] = True
    from gradcheck_lm.flow.scripts.session import Session

    session = Session("end")
    with session.optimizers(), session.recorder:
        result = yield
    diagnosis = session.answer
    if diagnosis is None:
        fault = (
            "this test is marked gradient_flow and called no backward(): there is no loss to diagnose. Call "
            "loss.backward() in it, or use the fixture: gradient_flow(lambda: loss(batch), model)."
        )
    elif expected is None:
        fault = "" if diagnosis.ok else _told(diagnosis, pyfuncitem.config.getini(_LANGUAGE))
    else:
        fault = _unexpected(diagnosis, expected, pyfuncitem.config.getini(_LANGUAGE))
    if fault:  # no frame of the test is left by now: the diagnosis is all there is to show
        failure = pytest.fail.Exception(fault, pytrace=False)
        failure.diagnosis = diagnosis  # type: ignore[attr-defined]
        raise failure
    return result


def _expectation(marker: pytest.Mark) -> dict[str, Any] | None:
    """What cut the marker expects; None where it expects a gradient. A wrong marker fails its test in one line."""
    wrong = [name for name in marker.kwargs if name not in (*_KEYS, "broken")]
    expected = {name: value for name, value in marker.kwargs.items() if name in _KEYS}
    if marker.args or wrong:
        fault = f"takes the keywords broken, {', '.join(_KEYS)}; it was given {', '.join(wrong) or marker.args}."
    elif misnamed := _misnamed(expected):
        fault = f"describes no cut: {misnamed}"
    else:
        return expected if expected or marker.kwargs.get("broken") else None
    raise pytest.fail.Exception(f"the marker gradient_flow {fault}", pytrace=False)


# ---------------------------------------------------------------------- failures


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Leave the report of a failure, and say in pytest's summary what and where: at 80 columns no class's name fits."""
    _prepared(item, call)
    report = yield
    error = None if call.excinfo is None else call.excinfo.value
    crash = getattr(report.longrepr, "reprcrash", None)
    if isinstance(error, GradientFlowError) and crash is not None:
        crash.message = str(error).strip().partition("\n")[0]
    return report


def _prepared(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """The report of a failure is left, and the debugger's own frames are taken out of what is shown."""
    if call.excinfo is None:
        return
    folder = item.config.getoption("gradient_report")
    diagnosis = getattr(call.excinfo.value, "diagnosis", None)
    if folder is not None and diagnosis is not None:
        item.add_report_section(call.when, "gradient flow", _report(Path(folder), item.nodeid, diagnosis))
    if item.stash.get(_used, False):
        for entry in call.excinfo.traceback:
            if str(entry.path).startswith(_OURS):  # pytest reads this name in a frame's locals, then in its globals
                entry.frame.f_globals["__tracebackhide__"] = True


def _report(folder: Path, name: str, diagnosis: Diagnosis) -> str:
    from gradcheck_lm.integrations.reports import safe_name, write_report

    try:
        return "\n".join(str(path) for path in write_report(folder / safe_name(name), diagnosis))
    except OSError as error:  # the failure itself must still be shown
        return f"the report could not be written: {error}"
