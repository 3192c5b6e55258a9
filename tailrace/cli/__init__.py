"""The command line: a module per command or group of commands, and the table of all in ``main``."""
