"""Drivers: one boundary to the client under test, two transports (a subprocess, or in memory)."""
