"""Curves, forests and points, by matplotlib or as SVG text."""
