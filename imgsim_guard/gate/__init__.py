"""The check: embed new images, search for near-duplicates, and apply the policy to them."""
