"""Container images: named, pulled, verified and unpacked; knows no functions."""
