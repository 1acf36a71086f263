"""Results as text and data. Each report is a pure function: the same result gives the same bytes."""
