"""Embeddings by content, so that each image is embedded once."""

from imgsim_guard.store.store import Store

__all__ = ["Store"]
