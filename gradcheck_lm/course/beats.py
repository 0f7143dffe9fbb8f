"""The six beats of every lesson, in their order."""

from __future__ import annotations

from dataclasses import dataclass

from gradcheck_lm.course.language import Words


@dataclass(frozen=True)
class Beat:
    """One part of a lesson."""

    name: str
    title: Words
    purpose: Words


BEATS = (
    Beat("symptom", Words("症状", "Symptom"), Words("何が起きたか", "what happened")),
    Beat("predict", Words("予想", "Predict"), Words("先に自分で考える", "your own guess first")),
    Beat("look", Words("見る", "Look"), Words("グラフと数字を見る", "the graph and the numbers")),
    Beat("why", Words("なぜ", "Why"), Words("理由", "the reason")),
    Beat("fix", Words("直す", "Fix"), Words("直して、確かめる", "fix it, and prove it")),
    Beat("next", Words("次", "Next"), Words("演習へ", "your exercise")),
)
NAMES = tuple(beat.name for beat in BEATS)
