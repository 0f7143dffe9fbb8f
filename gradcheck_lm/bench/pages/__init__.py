"""Pages of docs/ that are made from programs run: errors by their text, real bugs, notebooks."""
