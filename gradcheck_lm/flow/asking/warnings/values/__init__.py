"""Targets whose values a loss takes for something else than they are."""
