"""Files as text with positions: read, mask, parse, edit. Nothing here knows mail."""
