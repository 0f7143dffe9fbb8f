"""Lessons as pages and notebooks, and what is held to of their narration in two languages."""
