"""Cameras that record: drivers, a simulator of them, time, recordings. No network is imported."""
