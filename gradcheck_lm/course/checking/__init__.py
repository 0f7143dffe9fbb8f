"""A lesson's checks against a learner's file, in a process of their own."""
