"""Character n-grams: counted, mixed, read and kept, and as automata."""
