"""Networks: one file a paper, readable from top to bottom."""
