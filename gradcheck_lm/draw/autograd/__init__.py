"""The autograd graph behind a loss, as a picture and as a tree."""
