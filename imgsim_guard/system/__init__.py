"""Files, threads, the cache folder, crash messages and the garbage collector."""
