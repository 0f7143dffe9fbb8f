"""The settings of a training run and of a comparison, as plain data that goes into JSON and back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.options import ELSEWHERE, GIVEN, NEVER, check_settings, option, setting

SHIPPED = "synthetic"  # the recogniser that ships
PENALTY_NAMES = (
    "argmax", "soft_embedding", "gumbel_softmax", "straight_through", "policy_gradient", "policy_gradient_path",
    "minimum_risk", "nbest_ctc", "local_expectation", "ngram_expectation", "relax", "hidden_states",
)  # fmt: skip
LANGUAGE_MODELS = ("smollm2", "gpt2", "char", "ngram")
NGRAMS = ("ngram",)
PRECISIONS = ("no", "bf16", "fp16")
SCHEDULES = ("one_cycle", "milestones", "constant")
WEIGHT, BONUS, BEAM = 0.3, 0.6, 16  # of fusing: those of the penalties, which served one real hand with a 6-gram
DEVICE_HELP = "'cpu', 'cuda' or 'mps', 'cuda:1' for the second GPU; by default the best there is."
SPLIT_HELP = "The part to take: of IAM a file with ids of forms or lines, of the hub's layouts 'train', ..."
OK_ONLY_HELP = "Of IAM, leave out lines with the flag 'err'."
TAGS_HELP = "Of pages, take lines with this tag; '!TAG' leaves them out. Repeatable."
_LEARNING, _SPEED, _RECORD = "Learning", "Speed", "What is written"
_NEW_HAND, _OWN = "The lines: a synthetic hand", "The lines: your own"


@dataclass(frozen=True)
class TrainingConfig:
    """How one recogniser is trained. Learning rates have no unit; weights multiply a term of the loss."""

    steps: int = option(1000, "Training steps.", least=1)
    batch_size: int = option(16, "Lines in a step.", least=1, metavar="LINES")
    learning_rate: float = option(1e-3, "Highest learning rate.", above=0, panel=_LEARNING)
    weight_decay: float = option(5e-5, "AdamW's weight decay.", least=0, panel=_LEARNING)
    epsilon: float = setting(1e-8, above=0)
    warmup: int = setting(0, least=0, counts="steps")  # from 0 to the full learning rate
    schedule: str = option(
        "milestones",
        "one_cycle: up, then down to 0; milestones: x0.1 at 50 % and 75 %.",
        choices=SCHEDULES,
        panel=_LEARNING,
    )
    clip_norm: float | None = setting(None, above=0)  # None: no clipping
    seed: int = option(0, "Seed of weights, order and augmentation.", least=0)
    train_mode: bool = True  # False: BatchNorm statistics and dropout stay frozen
    augment: bool = option(False, "Slant, scale and shift the lines at random.", panel=_LEARNING)
    masking: bool = option(
        False, "Bend the lines, paint strips and blots over them, at random.", switch=True, panel=_LEARNING,
        identity=GIVEN,
    )  # fmt: skip
    checkpoint_every: int = option(
        0, "Steps between saved states; 0: only at the end.", least=0, counts="steps", panel=_RECORD, metavar="STEPS",
        identity=NEVER,
    )  # fmt: skip
    attribute_every: int = option(
        0, "Steps between measurements of each term's gradient; 0: never.", least=0, counts="steps", panel=_RECORD,
        metavar="STEPS", identity=NEVER,
    )  # fmt: skip
    mixed_precision: str = option("no", "Numbers of 16 bits where they do; fp16 needs a GPU.", choices=PRECISIONS,
                                  panel=_SPEED)  # fmt: skip
    trackers: tuple[str, ...] = option(
        (), "Also log to one of accelerate's trackers: 'tensorboard', 'wandb', ... Repeatable.", name="tracker",
        suggestions=("tensorboard", "wandb"), panel=_RECORD, identity=NEVER,
    )  # fmt: skip
    prefetch: int = option(
        2, "Batches that a thread prepares ahead; 0: none. Changes no result.", least=0, counts="batches made ahead",
        panel=_SPEED, metavar="BATCHES", identity=NEVER,
    )  # fmt: skip
    workers: int | None = option(
        None, "Threads that read lines from files; by default one, for a GPU several.", least=1, counts="threads",
        panel=_SPEED, metavar="THREADS", identity=NEVER,
    )  # fmt: skip
    fused: bool | None = option(
        None, "The optimizer's update as one kernel; by default on a GPU.", panel=_SPEED, identity=GIVEN
    )
    compile: bool = option(
        False, "Use torch.compile for the convolutions. Starting takes a minute or more.", switch=True, panel=_SPEED,
        identity=GIVEN,
    )  # fmt: skip
    graphs: bool = option(
        False, "On a GPU, the recogniser's passes as one launch each (CUDA graphs). Not yet tried in long runs.",
        switch=True, panel=_SPEED, identity=GIVEN,
    )  # fmt: skip
    deterministic: bool = option(
        False, "Algorithms that give the same bits each time; only a GPU has others.", switch=True, panel=_SPEED,
        identity=GIVEN,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_settings(self)

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        part = step / self.steps
        if self.schedule == "milestones":
            return self.learning_rate * warm * (1.0 if part < 0.5 else 0.1 if part < 0.75 else 0.01)
        if self.schedule == "one_cycle":
            rise = 0.1
            return self.learning_rate * (max(part, 1e-3) / rise if part < rise else (1 - part) / (1 - rise))
        return self.learning_rate * warm


@dataclass(frozen=True)
class Arm:
    """One way of training in a comparison."""

    name: str
    penalty: str | None = None  # a name in gradcheck_lm.penalties, or None
    weight: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)
    batchnorm_only: bool = False  # train-mode forward, no loss at all: what BatchNorm statistics do by themselves
    control: str | None = None  # instead of a penalty, a name in gradcheck_lm.lab.training.controls
    anchor: float = 1.0  # weight of the KL divergence to the starting posteriors, of adapting without labels


STORY = {"lm_sample_ratio": 0.25}  # the story looks at a quarter of the lines of each batch
AGAIN = "ctc_again"  # the arm `ctc` a second time: what its equality proves depends on this one's
ARM_NAMES = ("ctc", "argmax", "soft_embedding", "gumbel_softmax", "policy_gradient")


@dataclass(frozen=True)
class ComparisonConfig:
    """Both experiments of the comparison.

    Learning rate, batch and weights of the new hand were chosen on other lines of the hand Shadows Into Light and on
    two typefaces, with policy_gradient alone: docs/results/tuning.md has every run.
    """

    recogniser: str = option(
        SHIPPED, "'synthetic' (the one that ships), a checkpoint, or 'full' or 'small' with new weights.",
        suggestions=(SHIPPED, "full", "small"),
    )  # fmt: skip
    language_model: str = option(
        "smollm2", "'smollm2', 'gpt2', 'char', 'ngram', or a folder with a causal LM or an n-gram, or an ARPA file.",
        name="lm", suggestions=LANGUAGE_MODELS,
    )  # fmt: skip
    arms: tuple[str, ...] = option(
        ARM_NAMES, "Arms: ways of training, separated by commas. 'ctc', its second run and 'batchnorm_only', which the "
        "others are held against, are always there.", separated=True, metavar="ARM,...", identity=NEVER,
    )  # fmt: skip
    steps: int = setting(12, least=1, identity=ELSEWHERE)  # of the new hand
    label_steps: int = setting(3, least=1, identity=ELSEWHERE)  # of the experiment with labels
    batch_size: int = option(16, "Lines in a step.", least=1, metavar="LINES", identity=ELSEWHERE)
    label_batch_size: int = setting(16, least=1, identity=ELSEWHERE)
    adapt_lines: int = option(
        256, "Lines to adapt on, without labels; of your own at most so many.", least=1, panel=_NEW_HAND,
        metavar="LINES", identity=ELSEWHERE,
    )  # fmt: skip
    evaluation_lines: int = option(
        144,
        "Other lines, to evaluate on; of your own at most so many.",
        least=1,
        panel=_NEW_HAND,
        metavar="LINES",
        identity=NEVER,
    )
    samples: int = option(8, "Strings a line that policy_gradient draws on the new hand.", least=1, identity=ELSEWHERE)
    hand: str = option(
        "shadows-into-light", "The new hand: a font kept out of training, or a .ttf or .otf file of yours.",
        suggestions=("shadows-into-light", "zeyada"), panel=_NEW_HAND,
    )  # fmt: skip
    texts: str = option(
        "stdlib", "What the lines say: 'stdlib', 'bible', or a text file.", suggestions=("stdlib", "bible"),
        panel=_NEW_HAND,
    )  # fmt: skip
    data: str | None = option(
        None, "Lines of your own with their labels, as `train` takes them, in place of a synthetic hand.",
        panel=_OWN, metavar="DATA", identity=GIVEN,
    )  # fmt: skip
    validation: str | None = option(
        None, "Lines to evaluate on, as --data; by default a third of the data.", panel=_OWN, metavar="DATA",
        identity=GIVEN,
    )  # fmt: skip
    split: str | None = option(None, SPLIT_HELP, panel=_OWN, identity=GIVEN)
    validation_split: str | None = option(
        None, "As --split, of the lines to evaluate on.", panel=_OWN, metavar="SPLIT", identity=GIVEN
    )
    ok_only: bool = option(False, OK_ONLY_HELP, switch=True, panel=_OWN, identity=GIVEN)
    tags: tuple[str, ...] = option((), TAGS_HELP, name="tag", panel=_OWN, identity=GIVEN)
    drop_unknown: bool = option(
        False, "Leave characters that the recogniser cannot write out of the labels.", switch=True, panel=_OWN,
        identity=GIVEN,
    )  # fmt: skip
    seed: int = option(0, "Seed of lines, order and samples.", least=0, identity=ELSEWHERE)
    device: str | None = option(None, DEVICE_HELP, panel=_SPEED, identity=NEVER)
    mixed_precision: str = option("no", "Numbers of 16 bits where they do; fp16 needs a GPU.", choices=PRECISIONS,
                                  panel=_SPEED, identity=ELSEWHERE)  # fmt: skip
    deterministic: bool = option(
        True, "Algorithms that give the same bits each time; only a GPU has others.", panel=_SPEED, identity=ELSEWHERE
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.data is None and self.validation is not None:
            raise ArgumentError("--validation is for lines of your own: give --data as well")

    @property
    def source(self) -> str:
        """Where the lines are from."""
        return self.hand if self.data is None else self.data

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self)


def with_labels_arms() -> dict[str, Arm]:
    """Arms of the experiment with labels: the story's penalty and weight, and its differentiable forms."""
    return {
        "ctc": Arm("ctc"),
        AGAIN: Arm(AGAIN),
        "argmax": Arm("argmax", "argmax", 0.1, {"objective": "hinge", "reduction": "positive_mean", **STORY}),
        "soft_embedding": Arm("soft_embedding", "soft_embedding", 0.1, {"objective": "hinge"}),
        "gumbel_softmax": Arm("gumbel_softmax", "gumbel_softmax", 0.1, {"objective": "hinge"}),
        "policy_gradient": Arm("policy_gradient", "policy_gradient", 0.1, {"objective": "hinge", "samples": 4}),
    }


def new_hand_arms(samples: int = 8) -> dict[str, Arm]:
    """Arms of the experiment without labels: nats per character in `ratio` form, held by KL to the starting reading."""
    return {
        "ctc": Arm("ctc"),
        "batchnorm_only": Arm("batchnorm_only", batchnorm_only=True),
        "argmax": Arm("argmax", "argmax", 1.0, {"objective": "ratio", "reduction": "mean", **STORY}),
        "soft_embedding": Arm("soft_embedding", "soft_embedding", 1.0, {"objective": "ratio"}),
        "gumbel_softmax": Arm("gumbel_softmax", "gumbel_softmax", 1.0, {"objective": "ratio"}),
        "policy_gradient": Arm("policy_gradient", "policy_gradient", 1.0, {"objective": "ratio", "samples": samples}),
    }
