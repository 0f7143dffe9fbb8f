"""The program's text, read for what did not run: loops, conditions, lines that are misspelt."""
