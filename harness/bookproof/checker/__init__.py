"""The checker: decides from evidence whether what the client showed was ever wrong. Pure; knows no dialect, no driver."""
