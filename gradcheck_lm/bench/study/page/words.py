"""What the page of the experiments says in plain words: of each study, of its tables, and of what they do not show."""

from __future__ import annotations

from gradcheck_lm.bench.study.statistics.significance import FLIPS, REPLICATIONS
from gradcheck_lm.bench.study.statistics.statistics import LEVEL, SEEDS_FOR_T

STUDIES = {
    "new_hand": (
        "A new hand without labels",
        """\
A recogniser trained on synthetic lines meets a hand that was kept out of its training. It adapts on lines of that hand
that come without transcripts: the language model's penalty teaches, and an anchor holds the reading near its start.
Error rates on held-out lines are of other texts in the same hand. A seed draws the lines, their order and the samples;
the recogniser that starts is always the same. All arms have the same lines, batches, rate, weight 1, frozen BatchNorm
statistics and dropout. The language model is `char` (in *ngram_expectation* the bigram inside `ngram`). *More CTC*
trains as long on new lines of the training hands, with their labels. Weight and bonus of fused decoding (1.0 and 2.0)
were the best of seven pairs on other lines of one of the hands, and near the best on the other.""",
    ),
    "labels": (
        "With labels: all, and few",
        """\
The same recogniser meets a new hand, and a share of the lines to train on has labels: CTC on those, and the language
model's penalty beside it. The reference is CTC alone on the same batches for as many steps, so a change is the
penalty's own. The rates of the adapted lines include the lines with labels; held-out lines have none of either.""",
    ),
    "weights": (
        "The penalty's weight",
        """\
The gradients of the arms differ in size, so one weight for all is no fair comparison. Here each arm runs with several
weights and, as *matched*, with the weight at which its gradient has the norm of policy_gradient's at the start.""",
    ),
    "language_models": (
        "Which language model",
        """\
The same penalty on a new hand, taught by different language models: character counts, a small character transformer,
and SmolLM2. Nats per character are by each arm's own teacher and cannot be compared between rows.""",
    ),
    "real": (
        "Real handwriting",
        """\
One writer of the 19th century. The recogniser that ships is trained with CTC on 2 %, 10 % or all of that writer's
labelled lines (500, 1,200 and 2,400 steps of 16 lines): that is *start*. From it every arm trains on, with 8 labelled
and 8 unlabelled lines a step and one cycle up to 1e-3; the unlabelled ones are all others of the pages to train on.
With all labels there are no others, so there half of the pages kept apart are adapted on without labels and the other
half is held out. The reference *ctc* trains as many steps of 16 labelled lines. *Fused readings*: start reads the
unlabelled lines by a beam fused with a character 6-gram (built-in prose and the labelled lines' transcripts), and CTC
learns from them as from labels; in *3 rounds* the pupil becomes the teacher twice, the steps being shared out. *From
the beginning* the pupil is not start but the recogniser that ships, trained on both kinds for 2,400 steps; *labels
alone, from the beginning* is its control. *Own readings* are the same as fused ones without the 6-gram, *scrambled
LM* with a 6-gram that is shown other letters. A penalty, and entropy, is on the unlabelled lines, weighted so that
its gradient has 0.3 of the norm of CTC's at the start. *True labels of all lines* is what could be had at most. Lines
adapted on (transductive: the first 512 of the unlabelled) and lines held out are reported apart. Weight and bonus of
the fused decoding (0.3 and 0.6) were the best of five pairs on 256 other unlabelled lines, whose transcripts served
this choice alone.""",
    ),
    "pupils": (
        "Pupils of a fused teacher, on real handwriting",
        """\
The same writer, and a tenth of the labels: which tenth, and the training, a seed draws. Every recogniser begins as the
one that ships and trains for 2,400 steps in one cycle up to 2e-3, on pictures that are slanted, scaled, bent, painted
over with strips and blotted (`train --augment --masking`). Of the 16 lines of a step 8 are labelled; *labels alone* has
those 8 and is the reference, *a whole batch of them* has 16. Its recogniser is the teacher: it reads all lines without
labels, and CTC learns from its readings as from labels. *Own readings* are its greedy ones: what a pupil gains without
a language model. *Fused readings* are by a beam fused with a character 6-gram (built-in prose and the labelled lines);
*fused N-best* takes the 8 best, each with its share, the softmax of the fused scores over 3 nats. *Scrambled* is a
6-gram that is shown other letters; *better text* is a mixture of 6-grams of prose and of the labelled lines, with
weights chosen on the latter by leaving out a fifth in turn; *selected* keeps the half of the lines on which two
teachers, and one of them on a changed picture, agree most. In the second round the teacher is a pupil of the first.
*True labels of all lines* is the ceiling. All are read alike: greedily, and fused with the plain 6-gram, weight .3 and
bonus .6. The language model teaches if *fused N-best* is below both *labels alone* and *own readings*, fused, and the
scrambled one is not.""",
    ),
}
ORDER = tuple(STUDIES)
"""The studies in the order of the page; others follow."""

HOW_TO_READ = f"""
## How to read the tables

- **CER** in % is the sum of character edits over the sum of reference characters (micro average), then the mean over
  seeds. Brackets are 95 % intervals. Behind CER and behind *change %* they are Student's t over seeds, where there are
  at least 2; with 2 or 3 seeds they are very wide.
- **change %** is relative to the reference in the same reading: the mean over seeds of (CER - reference) / reference.
- **points** is the difference of CER in percentage points over the lines of all seeds together. Its interval is a
  paired bootstrap over lines, each seed's lines resampled among themselves ({REPLICATIONS:,} samples; Bisani and Ney
  2004, *Bootstrap estimates for confidence intervals in ASR performance evaluation*). Where all seeds read the same
  lines, a line is drawn with all its readings.
- **p** is two-sided. With {SEEDS_FOR_T} seeds or more it is of a paired t-test over seeds on the difference of CER.
  With fewer, or where all seeds differ by exactly as much, it is of a permutation test that flips the sign of each
  line's difference in edits ({FLIPS:,} flips, never 0: Phipson and Smyth 2010, *Permutation P-values should never be
  zero*). In parentheses the same p adjusted for all arms and controls of the table in that reading (Holm 1979, *A
  simple sequentially rejective multiple test procedure*); bold below {LEVEL:g}. An argmax arm that reads as its
  reference does is identical by nature and is not tested.
- **fused** is a prefix beam search fused with a character 6-gram at decoding. It needs no training and is the bar: an
  arm is worth its training where its *fused* CER is below the reference's *fused* CER.
- **LM nats/char** is a language model's score of the held-out greedy readings; **length ratio** is characters read
  over characters there (below 1: deletions); **gradient norm** is the penalty's, **cosine** is its cosine to CTC's. All
  are means over seeds. Seconds a step are the median over seeds, memory is the most of any seed.
- *Controls* are what a sceptic would try instead; they stand in italics at the end. A dash was not measured.
- A **verdict** follows from the numbers alone: lower or higher means an adjusted p below {LEVEL:g}. *No effect is
  shown* is no proof that there is none. Where all seeds read the same lines, a test over seeds knows nothing of other
  lines, so there the interval over lines must leave out 0 as well.
"""

NOT_TO_CONCLUDE = """
## What not to conclude

- Seeds to a table: {seeds}. A t-test over few seeds assumes that their differences are normal, which so few cannot
  show. With one seed or two, p and the intervals over lines know nothing of how another run would end.
- Synthetic hands are fonts: every *a* of a hand is the same *a*, up to distortion. A writer is not a font.
- The real hand is one writer, one language, one period: an example, and no sample of writers.
- Holm's adjustment holds within one table and one reading. This page has {families} such families: if nothing were
  there at all, about {expected} of them would still show something below {level}.
- The arm with the largest fall of many is flattered by having been chosen: look at its interval and at other tables.
- An arm that lowers the language model's score has done as it was told; only CER says whether it reads better.
- An arm that shows nothing here may do better with settings of its own.
"""


def title(study: str) -> str:
    """The heading of a study."""
    return STUDIES[study][0] if study in STUDIES else study.replace("_", " ").capitalize()


def description(study: str) -> list[str]:
    """What the study does, and its command."""
    lines = [STUDIES[study][1], ""] if study in STUDIES else []
    return [*lines, f"    python -m gradcheck_lm.bench study run {study} --out DIR"]
