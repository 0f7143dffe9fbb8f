"""A program's own backward passes, read while they run, and passes that are run once more."""
