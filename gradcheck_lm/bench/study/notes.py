"""What was seen by hand and stands on the page beside the figures: a paragraph a study."""

NOTES: dict[str, str] = {}
