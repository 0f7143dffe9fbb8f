"""Programs that run without an error, and hardly do what was meant."""
