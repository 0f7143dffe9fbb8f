"""The course on disk: which lessons there are, where, their exercises, and what the learner has done."""
