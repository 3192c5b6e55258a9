"""What runs it all: the command line, the embedded servers, the mock producer, the importer."""
