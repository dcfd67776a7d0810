"""coda in Python, name for name: diagnostics of Markov chains that print what coda prints."""
