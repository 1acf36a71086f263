"""Run the slow steps on a Ray cluster, with the same results as on one machine."""
