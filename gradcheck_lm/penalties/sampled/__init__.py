"""Penalties whose gradient comes from samples: score functions and what calms them."""
