"""The questions in order: evidence in, findings out."""
