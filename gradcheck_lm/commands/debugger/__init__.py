"""`run` and `explain`."""
