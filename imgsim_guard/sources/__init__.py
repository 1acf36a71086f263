"""What is new and what is there: git's index and revisions, and plain folders."""
