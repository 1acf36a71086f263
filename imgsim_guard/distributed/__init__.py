"""Beyond one machine: what takes long, done by Ray's workers in slices, with the results that it would have here."""
