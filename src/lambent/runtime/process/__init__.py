"""The guest program of every runtime that is a program of its own: it becomes that program."""
