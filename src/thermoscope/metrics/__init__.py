"""Scores: numbers that compare a result with the truth, edges stated."""
