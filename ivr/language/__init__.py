"""The flow language: YAML text in, an immutable flow or a list of problems out. Pure; the caller opens files."""
