"""How well a recogniser reads, what its mistakes are, and how good a gradient is."""
