"""The commands, a module each: what was asked, the use case that answers it, and what is printed."""
