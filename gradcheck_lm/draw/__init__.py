"""The pictures: a diagnosis in the terminal, as a graph, as a page. Reads flow's data; computes no gradient.

Each name is loaded at its first use, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcheck_lm.draw.autograd import autograd_dot as autograd_dot
    from gradcheck_lm.draw.autograd import save_autograd as save_autograd
    from gradcheck_lm.draw.curves import Panel as Panel
    from gradcheck_lm.draw.curves import Series as Series
    from gradcheck_lm.draw.curves import save_curves as save_curves
    from gradcheck_lm.draw.graph import flow_dot as flow_dot
    from gradcheck_lm.draw.graph import save_graph as save_graph
    from gradcheck_lm.draw.graph import side_by_side as side_by_side
    from gradcheck_lm.draw.layout import render as render
    from gradcheck_lm.draw.page import save_page as save_page
    from gradcheck_lm.draw.report import Example as Example
    from gradcheck_lm.draw.report import Experiment as Experiment
    from gradcheck_lm.draw.report import Report as Report
    from gradcheck_lm.draw.terminal import FlowTree as FlowTree
    from gradcheck_lm.draw.terminal import console as console
    from gradcheck_lm.draw.terminal import diagnosis_text as diagnosis_text
    from gradcheck_lm.draw.terminal import print_diagnosis as print_diagnosis
    from gradcheck_lm.draw.terminal import progress as progress
    from gradcheck_lm.draw.terminal import table as table
    from gradcheck_lm.draw.tree import autograd_tree as autograd_tree

_HOMES = {
    "Example": "report",
    "Experiment": "report",
    "Panel": "curves",
    "Report": "report",
    "FlowTree": "terminal",
    "Series": "curves",
    "autograd_dot": "autograd",
    "autograd_tree": "tree",
    "console": "terminal",
    "diagnosis_text": "terminal",
    "flow_dot": "graph",
    "print_diagnosis": "terminal",
    "progress": "terminal",
    "render": "layout",
    "save_autograd": "autograd",
    "save_curves": "curves",
    "save_graph": "graph",
    "save_page": "page",
    "side_by_side": "graph",
    "table": "terminal",
}
__all__ = sorted(_HOMES)

if not TYPE_CHECKING:  # or a checker would believe that every name exists

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(importlib.import_module(f"gradcheck_lm.draw.{_HOMES[name]}"), name)
        raise AttributeError(f"module 'gradcheck_lm.draw' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
