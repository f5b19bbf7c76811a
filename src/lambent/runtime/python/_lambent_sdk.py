"""boto3 made ready in the zygote, so that forks share what it reads.

A function that imports boto3 and makes a client spends most of it listing botocore's data folders
and parsing JSON. A botocore `Loader` keeps what it read in `_cache`; here one loader reads the data
of the services that functions use most, and loaders made later, in forks, start with a copy of that
cache (the dict is copied, the models are shared). Nothing else of a client or session is kept: both
depend on environment variables that only the fork has.

Measured, Python 3.11, S3: import and client take a fork 180 ms and 36 MB of its own when nothing is
preloaded, 66 ms and 23 MB when boto3 is imported, 19 ms and 10 MB with the cache. It costs a zygote
0.2 s and 35 MB, once, and each fork 0.2 to 0.4 ms more page tables.
"""

from __future__ import annotations

import importlib
from typing import Any, Dict

SERVICES = ("dynamodb", "lambda", "s3", "sns", "sqs", "sts")
# Imported lazily by botocore when a client is made, or by its user.
_LAZY_MODULES = (
    "boto3.dynamodb.conditions",
    "boto3.s3.transfer",
    "botocore.config",
    "botocore.exceptions",
    "botocore.httpsession",
    "concurrent.futures.thread",
    "s3transfer.manager",
)


def preload() -> None:
    """Raises ImportError where boto3 is not there, or AttributeError where it is another one."""
    importlib.import_module("boto3")
    session: Any = importlib.import_module("botocore.session")
    for name in _LAZY_MODULES:
        importlib.import_module(name)
    warm = session.Session()
    warm.set_credentials("preload", "preload")
    for name in SERVICES:
        warm.create_client(name, region_name="us-east-1")  # connects nowhere
    _share(session, warm.get_component("data_loader")._cache)


def _share(session: Any, cache: Dict[Any, Any]) -> None:
    make = session.create_loader  # where sessions look it up

    def create_loader(search_path_string: Any = None) -> Any:
        loader = make(search_path_string)
        if not search_path_string:  # other folders hold other models
            loader._cache.update(cache)
        return loader

    session.create_loader = create_loader
