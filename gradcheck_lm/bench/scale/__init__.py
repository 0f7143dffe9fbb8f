"""Time and memory as functions of size."""
