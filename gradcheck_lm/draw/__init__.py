"""The pictures: a diagnosis in the terminal, as a graph, as a page. Reads flow's data; computes no gradient.

Each name is loaded at its first use, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcheck_lm.draw.autograd.autograd import autograd_dot as autograd_dot
    from gradcheck_lm.draw.autograd.autograd import save_autograd as save_autograd
    from gradcheck_lm.draw.autograd.tree import autograd_tree as autograd_tree
    from gradcheck_lm.draw.graph.graph import flow_dot as flow_dot
    from gradcheck_lm.draw.graph.graph import save_graph as save_graph
    from gradcheck_lm.draw.graph.graph import side_by_side as side_by_side
    from gradcheck_lm.draw.layout.layout import render as render
    from gradcheck_lm.draw.page.page import save_page as save_page
    from gradcheck_lm.draw.page.report import Example as Example
    from gradcheck_lm.draw.page.report import Experiment as Experiment
    from gradcheck_lm.draw.page.report import Report as Report
    from gradcheck_lm.draw.plots.curves import Panel as Panel
    from gradcheck_lm.draw.plots.curves import Series as Series
    from gradcheck_lm.draw.plots.curves import save_curves as save_curves
    from gradcheck_lm.draw.terminal.terminal import FlowTree as FlowTree
    from gradcheck_lm.draw.terminal.terminal import console as console
    from gradcheck_lm.draw.terminal.terminal import diagnosis_text as diagnosis_text
    from gradcheck_lm.draw.terminal.terminal import print_diagnosis as print_diagnosis
    from gradcheck_lm.draw.terminal.terminal import progress as progress
    from gradcheck_lm.draw.terminal.terminal import table as table

_HOMES = {
    "Example": "page.report",
    "Experiment": "page.report",
    "Panel": "plots.curves",
    "Report": "page.report",
    "FlowTree": "terminal.terminal",
    "Series": "plots.curves",
    "autograd_dot": "autograd.autograd",
    "autograd_tree": "autograd.tree",
    "console": "terminal.terminal",
    "diagnosis_text": "terminal.terminal",
    "flow_dot": "graph.graph",
    "print_diagnosis": "terminal.terminal",
    "progress": "terminal.terminal",
    "render": "layout.layout",
    "save_autograd": "autograd.autograd",
    "save_curves": "plots.curves",
    "save_graph": "graph.graph",
    "save_page": "page.page",
    "side_by_side": "graph.graph",
    "table": "terminal.terminal",
}
__all__ = sorted(_HOMES)

if not TYPE_CHECKING:  # or a checker would believe that every name exists

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(importlib.import_module(f"gradcheck_lm.draw.{_HOMES[name]}"), name)
        raise AttributeError(f"module 'gradcheck_lm.draw' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
