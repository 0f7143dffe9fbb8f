"""The gradient-flow debugger: for any PyTorch loss, why a gradient does not arrive, and on which line."""

from gradcheck_lm.flow.asserts import assert_gradient_flows
from gradcheck_lm.flow.bridging.what_if import WhatIf
from gradcheck_lm.flow.diagnose import Run, diagnose, record
from gradcheck_lm.flow.findings.model import KINDS, Diagnosis, Finding, FlowGraph, FlowNode, Kind, Term
from gradcheck_lm.flow.gradients.attribution.attribution import Attribution
from gradcheck_lm.flow.gradients.attribution.attributor import Attributor, attribute
from gradcheck_lm.flow.gradients.numeric import Comparison, compare_gradients
from gradcheck_lm.flow.stepping.ledger.ledger import Ledger
from gradcheck_lm.flow.stepping.report import StepReport
from gradcheck_lm.flow.steps import StepRun, diagnose_step, record_steps
from gradcheck_lm.flow.watch import GradientWatch

__all__ = [
    "KINDS",
    "Attribution",
    "Attributor",
    "Comparison",
    "Diagnosis",
    "Finding",
    "FlowGraph",
    "FlowNode",
    "GradientWatch",
    "Kind",
    "Ledger",
    "Run",
    "StepReport",
    "StepRun",
    "Term",
    "WhatIf",
    "assert_gradient_flows",
    "attribute",
    "compare_gradients",
    "diagnose",
    "diagnose_step",
    "record",
    "record_steps",
]
