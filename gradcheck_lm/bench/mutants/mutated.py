"""A pytest plugin that loads one module of flow with one line changed; the file on disk stays as it is."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType

from gradcheck_lm.bench.mutants.mutations import Mutation

VARIABLE = "GRADCHECK_LM_MUTATION"


class MutatedLoader(importlib.machinery.SourceFileLoader):
    """Compiles a module from its changed source, past the bytecode that is kept of the unchanged one."""

    mutation: Mutation

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path).decode("utf-8")
        return compile(self.mutation.applied(source), self.path, "exec", dont_inherit=True)


class MutatedFinder(importlib.abc.MetaPathFinder):
    """Finds the one module that is changed, and leaves all others to Python."""

    def __init__(self, mutation: Mutation) -> None:
        self.mutation = mutation

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.mutation.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            loader = MutatedLoader(fullname, spec.origin)
            loader.mutation = self.mutation
            spec.loader = loader
        return spec


if VARIABLE in os.environ:
    chosen = Mutation(**json.loads(os.environ[VARIABLE]))
    if chosen.module in sys.modules:
        raise RuntimeError(f"{chosen.module} is loaded already: the fault would never run")
    sys.meta_path.insert(0, MutatedFinder(chosen))
