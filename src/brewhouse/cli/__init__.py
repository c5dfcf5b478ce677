"""The command line: reads options, calls the pipeline, prints. Alone in printing and exiting."""
