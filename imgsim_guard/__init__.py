"""imgsim-guard keeps near-duplicate images out of a dataset."""

__version__ = "0.1.0"
