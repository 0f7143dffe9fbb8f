"""The kinds of finding, one file each: text in both languages, advice, bridge, lesson and two programs that show it."""
