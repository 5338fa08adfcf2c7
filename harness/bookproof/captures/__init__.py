"""Real captures: recordings of several kinds read, made into scenarios, and made by a proxy."""
