"""An unchanged script under the recorder, up to its first backward(), as `python -m pdb` would run it."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
import traceback
import types
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.findings import Diagnosis
from gradcheck_lm.flow.inquiry import Inquiry
from gradcheck_lm.flow.recorder import Recorder
from gradcheck_lm.flow.subjects import loss_terms

REFUSED = "does not require grad and does not have a grad_fn"  # autograd's word for a loss without a graph
_BACKWARD = torch.autograd.backward.__code__
_GRAD = torch.autograd.grad.__code__
_LOOKS = 20  # with until="end": at most so many backward passes are diagnosed


class _Enough(BaseException):
    """The first backward() has been diagnosed: leave the script. Not an Exception, so `except Exception` lets it by."""


class ScriptRecorder(Recorder):
    """A recorder that is told of every backward() before it happens."""

    def __init__(self, on_backward: Callable[[torch.Tensor], None]) -> None:
        super().__init__()
        self.on_backward = on_backward

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.Tensor.backward:
            self.on_backward(args[0])
            return func(*args, **(kwargs or {}))
        return super().__torch_function__(func, types, args, kwargs)

    def leaves(self) -> list[torch.Tensor]:
        """The tensors used so far that ask for a gradient and were not computed, in order."""
        met = (tensor for reference, _ in list(self._known.values()) if (tensor := reference()) is not None)
        return [tensor for tensor in met if tensor.is_leaf and tensor.requires_grad]

    def forget(self) -> None:
        """Start a new step: what was recorded so far belongs to the graph of the last one."""
        keep = (self._hooks, self._module_stack, self._module_sites, self._switch, self.switches)
        self.__init__(self.on_backward)  # type: ignore[misc]
        self._hooks, self._module_stack, self._module_sites, self._switch, self.switches = keep


def run_script(
    path_or_module: str | Path, argv: Sequence[str] = (), *, module: bool = False, until: str = "first-backward"
) -> Diagnosis:
    """Run a script or module unchanged and diagnose its loss at its first backward().

    The tensors asked about are those that the script's optimizers hold; the loss is the tensor that backward() is
    called on, and where it is a sum with a dead addend the addends are told apart.

    Args:
        path_or_module: the script's path, or with module=True a module's name, as after `python -m`.
        argv: the script's own arguments.
        until: "first-backward": stop there; "end": run on, and return the first diagnosis that is not ok, or the last.
    Returns:
        Diagnosis.
    Raises:
        TraceError: no such script or module; it ended without a backward(); the loss is not one finite number.
        Errors of the script itself, SystemExit with a code other than 0 among them, pass as they are.
    """
    seen = watch_script(path_or_module, argv, module=module, until=until)
    if seen.error is not None:
        raise seen.error
    assert seen.diagnosis is not None
    return seen.diagnosis


@dataclass
class Seen:
    """What came of a script's run."""

    diagnosis: Diagnosis | None
    error: BaseException | None  # what ended the script, SystemExit with a code other than 0 among them


def watch_script(
    path_or_module: str | Path, argv: Sequence[str] = (), *, module: bool = False, until: str = "first-backward"
) -> Seen:
    """As `run_script`, and an error of the script does not hide what was found before it.

    Args:
        until: also "refused": run on to where autograd refuses a loss ("element 0 of tensors does not require grad"),
            and diagnose that loss alone; there is no diagnosis where this does not happen.
    Raises:
        TraceError: as `run_script`.
    """
    if until not in ("first-backward", "end", "refused"):
        raise TraceError(f"until is {until!r}; it is 'first-backward' or 'end'.")
    code, fields, search = _load(path_or_module, module)
    session = Session(until)
    failure: BaseException | None = None
    with _as_main(code.co_filename, fields, [code.co_filename, *argv], search) as main, session.optimizers():
        session.main = main.__dict__
        try:
            with session.recorder:
                exec(code, main.__dict__)
        except _Enough:
            pass
        except SystemExit as leaving:
            failure = leaving if leaving.code not in (None, 0) else None
        except Exception as error:
            failure = error
        if isinstance(failure, RuntimeError) and until == "refused" and REFUSED in str(failure):
            session.refused(failure)
    if until == "first-backward" and session.answer is not None:
        failure = None  # the script was stopped on purpose
    if session.answer is None and failure is None and until != "refused":
        raise TraceError(
            f"{path_or_module} ended without calling backward(): there is no loss to diagnose. Give it the arguments "
            "with which it trains, or call gradcheck_lm.diagnose(fn, wrt=model) from your own code."
        )
    return Seen(session.answer, failure)


def _load(path_or_module: str | Path, module: bool) -> tuple[types.CodeType, dict[str, Any], str]:
    if module:
        name = str(path_or_module)
        sys.path.insert(0, os.getcwd())
        try:
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.submodule_search_locations is not None:
                spec = importlib.util.find_spec(f"{name}.__main__")
        except ModuleNotFoundError:
            spec = None
        finally:
            sys.path.remove(os.getcwd())
        code = spec.loader.get_code(spec.name) if spec is not None and hasattr(spec.loader, "get_code") else None  # type: ignore[union-attr]
        if spec is None or code is None:
            raise TraceError(f"there is no module {name!r} to run; give its dotted name as after python -m.")
        return code, {"__spec__": spec, "__package__": spec.parent, "__file__": spec.origin}, os.getcwd()
    path = Path(path_or_module)
    if not path.is_file():
        raise TraceError(
            f"there is no script {str(path)!r}; give the path of a Python file, or module=True and a module's name."
        )
    full = str(path.resolve())
    try:
        code = compile(path.read_bytes(), full, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise TraceError(f"{path} is not a Python script: {error}") from error
    return code, {"__file__": full, "__package__": None, "__spec__": None}, os.path.dirname(full)


@contextmanager
def _as_main(file: str, fields: dict[str, Any], argv: list[str], search: str) -> Iterator[types.ModuleType]:
    """A fresh __main__ with the script's argv and path; the old one comes back."""
    main = types.ModuleType("__main__")
    main.__dict__.update(fields, __builtins__=__builtins__)
    kept = sys.modules.get("__main__"), sys.argv, list(sys.path)
    sys.modules["__main__"], sys.argv = main, argv
    sys.path.insert(0, search)
    try:
        yield main
    finally:
        if kept[0] is not None:
            sys.modules["__main__"] = kept[0]
        sys.argv = kept[1]
        sys.path[:] = kept[2]


class Session:
    """One script's run: its optimizers and its diagnosis."""

    def __init__(self, until: str) -> None:
        self.until = until
        self.answer: Diagnosis | None = None
        self.looks = 0
        self.main: dict[str, Any] = {}
        self.held: list[weakref.ref[torch.optim.Optimizer]] = []
        self.recorder = ScriptRecorder(self._backward)

    @contextmanager
    def optimizers(self) -> Iterator[None]:
        """Note every optimizer that the script makes; torch is as before afterwards."""
        original = torch.optim.Optimizer.__init__
        held = self.held

        @functools.wraps(original)
        def noted(optimizer: torch.optim.Optimizer, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            held.append(weakref.ref(optimizer))

        torch.optim.Optimizer.__init__ = noted  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            torch.optim.Optimizer.__init__ = original  # type: ignore[method-assign]

    def _backward(self, loss: torch.Tensor) -> None:
        if self.until == "refused":
            if loss.requires_grad:
                self.recorder.forget()
            return
        if self.looks >= _LOOKS or (self.answer is not None and not self.answer.ok):
            self.recorder.forget()
            return
        self.looks += 1
        self._ask(loss)
        if self.until == "first-backward":
            raise _Enough
        self.recorder.forget()

    def refused(self, error: RuntimeError) -> None:
        """Diagnose the loss that autograd refused; it is found in the frames that the error came through."""
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code in (_BACKWARD, _GRAD):
                given = frame.f_locals.get("tensors", frame.f_locals.get("outputs"))
                losses = [given] if isinstance(given, torch.Tensor) else list(given or ())
                self._ask(next(loss for loss in losses if not loss.requires_grad))
                return

    def _ask(self, loss: torch.Tensor) -> None:
        terms, given = loss_terms(loss, source="the tensor that backward() is called on")
        wrt, notes = self._wrt()
        inquiry = Inquiry(self.recorder, wrt, terms, given=given, explicit=False)
        inquiry.notes.extend(notes)
        self.answer = inquiry.answer()

    def _wrt(self) -> tuple[dict[str, torch.Tensor], list[str]]:
        wanted: dict[int, torch.Tensor] = {}
        for reference in self.held:
            optimizer = reference()
            if optimizer is not None:
                for group in optimizer.param_groups:
                    wanted.update((id(tensor), tensor) for tensor in group["params"])
        notes = []
        names = self._names(set(wanted))
        if not wanted:
            notes.append("no optimizer was made before backward(): asked about all parameters of the modules that ran")
            wanted = {key: tensor for key, (_, tensor) in names.items() if tensor.requires_grad}
        if not wanted:
            notes[:] = [
                "no optimizer was made before backward() and no module ran: asked about the tensors with "
                "requires_grad=True that were used"
            ]
            wanted = {id(tensor): tensor for tensor in self.recorder.leaves()}
        if not wanted:
            raise TraceError(
                "backward() was called, and before it no optimizer was made, no module ran and no tensor with "
                "requires_grad=True was used: there is nothing to ask about. Call gradcheck_lm.diagnose(fn, "
                "wrt=tensors) with the tensors that should get a gradient."
            )
        for name, value in self.main.items():
            if isinstance(value, torch.Tensor) and id(value) in wanted:
                names.setdefault(id(value), (name, value))
        named: dict[str, torch.Tensor] = {}
        for place, (key, tensor) in enumerate(wanted.items()):
            name = names[key][0] if key in names else f"parameter {place}"
            named[name if name not in named else f"{name} ({place})"] = tensor
        return named, notes

    def _names(self, wanted: set[int]) -> dict[int, tuple[str, torch.Tensor]]:
        roots = [module for reference in self.recorder.roots if (module := reference()) is not None]
        roots = list(dict.fromkeys(roots))
        inner = {id(part) for root in roots for part in list(root.modules())[1:]}
        roots = [root for root in roots if id(root) not in inner]
        if wanted:
            roots = [root for root in roots if any(id(tensor) in wanted for tensor in root.parameters())]
        found: dict[int, tuple[str, torch.Tensor]] = {}
        for root in roots:
            prefix = "" if len(roots) == 1 else type(root).__name__ + "."
            for name, tensor in root.named_parameters():
                found.setdefault(id(tensor), (prefix + name, tensor))
        return found
