"""A run on disk: one at a time, nothing half-written, resumable to the bit."""
