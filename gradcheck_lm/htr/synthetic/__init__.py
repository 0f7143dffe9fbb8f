"""Lines made here: sentences to write, hands to write them in, and the writing itself."""
