"""Everything that needs a GPU, in stages that fit the minutes given and can be taken up again."""
