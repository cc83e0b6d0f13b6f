"""The people at the desk: who they are, what they may do, and what is written down of it. Knows no web page and no database."""
