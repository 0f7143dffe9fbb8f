"""How much each term of the loss teaches each module."""
