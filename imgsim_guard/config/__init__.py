"""The configuration: the settings, and reading, checking and editing the file."""
