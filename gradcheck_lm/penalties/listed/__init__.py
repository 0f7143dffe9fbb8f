"""Penalties over a list of readings, and where such a list comes from."""
