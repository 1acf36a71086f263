"""The configuration: its settings, and how a file is read, checked and edited."""
