"""gradcheck_lm: why does this gradient not arrive, on which line, and what do I use instead?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck_lm.errors import GradcheckLMError, GradientFlowError

if TYPE_CHECKING:
    from gradcheck_lm.flow import (
        Attribution,
        Attributor,
        Comparison,
        Diagnosis,
        Finding,
        GradientWatch,
        Run,
        StepReport,
        StepRun,
        Term,
        WhatIf,
        assert_gradient_flows,
        attribute,
        compare_gradients,
        diagnose_step,
        record,
        record_steps,
    )
    from gradcheck_lm.flow.diagnose import diagnose  # of flow itself a type checker takes the module of that name

__version__ = "0.1.0"

# a type checker knows a name by the import above, the program by its place in this list
__all__ = [
    "Attribution",
    "Attributor",
    "Comparison",
    "Diagnosis",
    "Finding",
    "GradcheckLMError",
    "GradientFlowError",
    "GradientWatch",
    "Run",
    "StepReport",
    "StepRun",
    "Term",
    "WhatIf",
    "__version__",
    "assert_gradient_flows",
    "attribute",
    "compare_gradients",
    "diagnose",
    "diagnose_step",
    "record",
    "record_steps",
]

if not TYPE_CHECKING:  # or a checker would believe that every name exists

    def __getattr__(name: str) -> Any:
        # the debugger needs torch, which takes a second to import: it is loaded at the first use of a public name
        if name in __all__:
            from gradcheck_lm import flow

            return getattr(flow, name)
        raise AttributeError(f"module 'gradcheck_lm' has no attribute {name!r}")


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext gradcheck_lm` in a notebook: the cell magic `%%gradflow model`."""
    from gradcheck_lm.integrations.notebook import load

    load(ipython)


def __dir__() -> list[str]:
    return sorted(__all__)
