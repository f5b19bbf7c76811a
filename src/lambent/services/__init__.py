"""The companion services: a package each, all of one shape.

`operations.py` has a class made from what the service needs; its `operations` property maps AWS's
operation names to handlers (see `domain.request.Handler`). `model.py` holds the service's values
and how they look on the wire; `rows.py` its SQL by name, for services that keep rows; further
modules one idea each. Handlers get parameters that botocore's model has already validated, and
raise LambdaError.
"""
