"""The command line: an ordinary AWS client of a running server."""
