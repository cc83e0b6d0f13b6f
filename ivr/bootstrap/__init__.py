"""The composition root: the only part of ivr that imports adapters. `engine` serves calls, `line` runs Asterisk and the engine together."""
