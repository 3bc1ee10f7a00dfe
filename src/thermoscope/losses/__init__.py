"""Objectives: tensors in, one number with a gradient out."""
