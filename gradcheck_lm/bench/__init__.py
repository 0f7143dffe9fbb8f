"""Benchmarks and generated pages: `python -m gradcheck_lm.bench NAME`."""
