"""Data sets: what exists, under which licence, and how their folders are read."""
