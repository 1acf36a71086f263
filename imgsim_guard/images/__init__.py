"""From bytes to pixels, and from pixels to hashes and local features."""
