"""Archives and compressed streams, read and written: whatever they hold."""
