"""miharu (見張る): a SIEM from raw bytes to explained alerts."""

__version__ = "0.1.0"
