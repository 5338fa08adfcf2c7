"""Reporters: each consumes the one stream of result events, and nothing else."""
