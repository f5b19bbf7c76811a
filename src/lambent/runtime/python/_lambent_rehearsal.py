"""A handler for the rehearsal of a parked environment; no function ever sees it run."""


def handler(event: object, context: object) -> object:
    return event
