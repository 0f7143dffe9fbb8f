"""The modules of a watch: which ran, in which mode, what was loaded, frozen and written into them."""
