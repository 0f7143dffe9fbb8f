"""`lessons` and what stands under it."""
