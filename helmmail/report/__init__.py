"""What a command found, in the form that was asked for: one module a format."""
