"""Numerical integration: panels in one coordinate, nested panels in two."""
