"""The images to check and the images to compare with: from git, git LFS, DVC, or plain folders."""
