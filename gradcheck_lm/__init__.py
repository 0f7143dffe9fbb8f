"""gradcheck_lm: why does this gradient not arrive, on which line, and what do I use instead?"""

from gradcheck_lm.errors import GradcheckLMError as GradcheckLMError
from gradcheck_lm.errors import GradientFlowError as GradientFlowError

__version__ = "0.1.0"

_FLOW = (
    "Attributor",
    "Diagnosis",
    "Finding",
    "GradientWatch",
    "StepReport",
    "Term",
    "assert_gradient_flows",
    "attribute",
    "compare_gradients",
    "diagnose",
    "diagnose_step",
    "record",
    "record_steps",
)
__all__ = ["GradcheckLMError", "GradientFlowError", "__version__", *_FLOW]


def __getattr__(name: str) -> object:
    # the debugger needs torch, which takes a second to import: it is loaded at the first use of a public name
    if name in _FLOW:
        from gradcheck_lm import flow

        return getattr(flow, name)
    raise AttributeError(f"module 'gradcheck_lm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
