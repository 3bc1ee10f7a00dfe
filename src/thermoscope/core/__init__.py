"""Errors, checks, the Sample contract, registry, configs and weights: what every layer shares."""
