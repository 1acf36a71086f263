"""The commands, one module each: read the arguments, run the use case, print the result."""
