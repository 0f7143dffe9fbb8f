"""Consoles and what is printed on them: the one text of a view, the tree of its flow, tables, progress."""
