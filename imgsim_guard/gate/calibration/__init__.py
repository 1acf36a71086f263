"""Suggest a threshold for a dataset, from the distances between its images."""
