"""What was seen by hand and stands on the page beside the figures: a paragraph a study."""

NOTES: dict[str, str] = {
    "real": """\
The aim was to lower CER at 10 % of the labels by a fifth against CTC alone, on top of decode-time fusion. **It was
not reached.** Nearest is the pupil that begins anew and learns from fused readings; most of what it gains over *ctc*
its control gains as well, by the longer training alone, and once both are read with the 6-gram next to nothing is
left between them. No penalty helped on top of fusion: as in earlier measurements, this recogniser is sure of its
mistakes. With all labels, learning from fused readings of the very lines that are to be read lowers their greedy CER
(transductive: 27.3 to 23.9 %), less than fused decoding does without any training (20.4 %), and makes other pages
worse: 156 lines are learned by heart. One writer, one seed of training: differences of half a point are noise. The
command wants `--lines FOLDER --others FOLDER`. **Planned and not run**: with 10 % of the labels the fused readings in
3 rounds, own readings, entropy, the scrambled LM and policy_gradient from the fused beam; with 2 % and all labels
minimum_risk and the true labels.""",
    "new_hand": """\
On *Shadows Into Light* the settings were chosen, with policy_gradient and SmolLM2, on other lines (tuning.md); on
*Zeyada* nothing was. Zeyada begins at a CER above 50 %, beyond the 35 % up to which adapt.md advises its use, and
there every arm varies much from seed to seed. BatchNorm statistics alone are worth a tenth there, which is why they
are frozen in all arms.""",
    "labels": """\
The penalty beside CTC has the story's weight, 0.1. The hand is Zeyada, of which the recogniser reads less than half
before it has labels. *policy_gradient on the lines without labels* has weight 1 and was not tuned: its gradient is
far larger than CTC's, and it harms. With a tenth of the labels or more, twice the steps of
plain CTC do more than any penalty.""",
}
