"""The command line: words to configs to one function call. One verb a file."""
