"""The move itself: plan it, prove it, write it."""
