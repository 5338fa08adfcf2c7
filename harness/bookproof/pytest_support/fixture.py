"""The fixture object."""
