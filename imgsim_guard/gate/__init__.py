"""The gate: which images are new, which of them are near-duplicates, and what the policy says about them."""
