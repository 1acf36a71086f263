"""Embeddings by content, so that an image is embedded once, ever."""
