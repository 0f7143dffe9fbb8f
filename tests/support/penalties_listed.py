"""Which penalties are held to what, and the labels of the lines they get."""

from __future__ import annotations

from gradcheck_lm.penalties import PENALTIES

LABELS = ["ab", "cab", "bb", "aac", "ca"]
# ngram_expectation takes sums only, nbest_ctc asks the language model for its beam alone; both need an automaton:
# test_ngram_interface.py and test_nbest_ctc.py hold them to the same
GENERIC = {name: penalty for name, penalty in PENALTIES.items() if "hinge" in penalty.objectives}
BLACK_BOX = [name for name, penalty in GENERIC.items() if not penalty.needs_soft_scores]
ALIVE = [name for name, penalty in GENERIC.items() if penalty.kind != "none"]
# those whose f is the penalty of the reading: all but the exhibit, which has another loss
READERS = [name for name in GENERIC if GENERIC[name].kind != "other"]
WITH_OBJECTIVE = [(name, objective) for name, penalty in GENERIC.items() for objective in penalty.objectives]
