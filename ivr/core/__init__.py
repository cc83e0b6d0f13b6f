"""The pure core: flows, events, commands and the interpreter. No I/O, no clock, no logging, no randomness."""
