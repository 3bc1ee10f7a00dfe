"""Blocks that two networks share, one idea a file."""
