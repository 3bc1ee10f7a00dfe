"""File formats: any thermal image or sequence in, `ThermalImage` out, and back to disk."""
