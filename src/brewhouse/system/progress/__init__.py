"""Progress of long work: logs, the live view, and events for programs."""
