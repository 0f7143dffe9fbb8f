"""From DOT text to files, by whichever layout engine is installed."""
