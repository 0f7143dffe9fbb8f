"""`train`, `compare` and the other commands of the laboratory."""
