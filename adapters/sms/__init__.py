"""Ways to the network that delivers text messages."""
