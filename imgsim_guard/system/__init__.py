"""What the operating system and Python offer: files, threads, the cache folder, crashes, the garbage collector."""
