"""`molt doctor`: what keeps a database from being used, and what to do about it."""
