"""The reports. Each is a pure function of the result: the same result gives the same bytes."""
