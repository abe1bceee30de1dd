"""SMTP sessions, replies, logs and sending, against real servers on loopback."""
