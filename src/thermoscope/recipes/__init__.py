"""Training runs: one frozen config, its presets and one `run` a file."""
