# The layer of `examples/layered`: code that several functions share. A layer is a zip that Lambda
# unpacks under /opt; what is in its `python/` folder can be imported by any function that names it.
"""Greetings in a few languages."""

GREETINGS = {"de": "Guten Tag", "en": "Hello", "es": "Hola", "fr": "Bonjour"}


def greet(name, *, language):
    return f"{GREETINGS[language]}, {name}!"
