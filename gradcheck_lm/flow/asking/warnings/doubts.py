"""Does a loss need asking although nothing lost its gradient: is anything there that warnings are made of?"""

from __future__ import annotations

import torch

from gradcheck_lm.flow.asking.cuts.thrown_away import may_throw_away
from gradcheck_lm.flow.asking.evidence.unread_arguments import unread_arguments
from gradcheck_lm.flow.asking.warnings.axes.kl_mean import may_average_classes
from gradcheck_lm.flow.asking.warnings.axes.mean_beside_sum import may_add_sums
from gradcheck_lm.flow.asking.warnings.axes.reduced_axis import may_misplace
from gradcheck_lm.flow.asking.warnings.axes.renamed_axes import may_rename
from gradcheck_lm.flow.asking.warnings.axes.same_part import may_share_parts
from gradcheck_lm.flow.asking.warnings.axes.summed_derivatives import may_sum_derivatives
from gradcheck_lm.flow.asking.warnings.axes.unread_part import may_leave_parts
from gradcheck_lm.flow.asking.warnings.bootstrapped import may_bootstrap
from gradcheck_lm.flow.asking.warnings.idle_terms import may_be_idle
from gradcheck_lm.flow.asking.warnings.mispaired import may_be_mispaired
from gradcheck_lm.flow.asking.warnings.mixing import may_mix
from gradcheck_lm.flow.asking.warnings.redrawn import may_redraw
from gradcheck_lm.flow.asking.warnings.score_function import may_train_the_critic
from gradcheck_lm.flow.asking.warnings.shared_modules import may_share
from gradcheck_lm.flow.asking.warnings.softmaxes.axis_of_one import may_have_axes_of_one
from gradcheck_lm.flow.asking.warnings.softmaxes.held_probabilities import may_hold_probabilities
from gradcheck_lm.flow.asking.warnings.spread_sums import may_spread
from gradcheck_lm.flow.asking.warnings.suspicious import is_suspicious
from gradcheck_lm.flow.asking.warnings.tokens.looking_ahead import may_look_ahead
from gradcheck_lm.flow.asking.warnings.tokens.targets import ask_about_targets
from gradcheck_lm.flow.asking.warnings.values.masks_reversed import may_reverse_masks
from gradcheck_lm.flow.asking.warnings.values.units_alike import may_be_alike
from gradcheck_lm.flow.asking.warnings.written_backward import may_write_backward
from gradcheck_lm.flow.watching.recorder import Recorder


def may_warn(recorder: Recorder, loss: torch.Tensor) -> bool:
    """Read off the recording alone: shapes and names that hint at another loss than was meant, arguments unread."""
    return (
        is_suspicious(recorder.recording)
        or may_spread(recorder.recording)
        or may_add_sums(recorder.recording)
        or may_average_classes(recorder.recording)
        or may_sum_derivatives(recorder.recording)
        or may_misplace(recorder.recording)
        or may_share_parts(recorder.recording)
        or may_leave_parts(recorder.recording)
        or may_throw_away(recorder.recording)
        or may_mix(recorder.recording)
        or may_rename(recorder.recording)
        or may_have_axes_of_one(recorder.recording)
        or may_hold_probabilities(recorder.recording)
        or may_be_mispaired(recorder.recording)
        or may_share(recorder.recording)
        or may_write_backward(recorder.recording)
        or bool(unread_arguments(recorder))
        or may_be_idle(recorder)
        or may_redraw(recorder)
        or may_look_ahead(recorder)
        or ask_about_targets(recorder, [loss])
        or may_reverse_masks(recorder)
        or may_be_alike(recorder.recording)
        or may_train_the_critic(recorder)
        or may_bootstrap(recorder)
    )
