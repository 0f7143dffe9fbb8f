"""Warnings of softmaxes that cannot teach what they were made for: over an axis of one, and held at a bound."""
