"""The application: one call from its first event to its last, talking to ports only."""
