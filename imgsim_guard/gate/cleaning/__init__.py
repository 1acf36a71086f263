"""Cleaning a dataset: which files go with the copies of a result, where to, and back again."""
