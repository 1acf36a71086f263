"""Embeddings by content, so that an image is embedded once, ever."""

from imgsim_guard.store.store import Store

__all__ = ["Store"]
