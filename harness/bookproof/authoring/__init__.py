"""Writing scenarios: the file that a few answers make, what a file does before any client meets it, what is wrong with it."""
