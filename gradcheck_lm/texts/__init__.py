"""Texts to write and to learn from, and the one rule by which a paragraph is training text or test text."""
