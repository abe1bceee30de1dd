"""The render proof: what helm makes of the files before and after a move."""
