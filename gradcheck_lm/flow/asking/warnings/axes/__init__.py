"""Axes of a tensor that are taken for others, or left out."""
