"""Gradients that are lost: where, and by what, as drafts of findings."""
