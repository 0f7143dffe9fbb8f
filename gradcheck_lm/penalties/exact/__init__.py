"""The penalty of a character n-gram without samples and without bias."""
