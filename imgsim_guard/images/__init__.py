"""Bytes to pixels, and pixels to hashes."""
