"""Event source mappings at work: what polls queues and streams, and invokes functions with batches.

Pure deciders (`states`, `batching`, `filtering`, `responses`, `groups`, `scaling`, and those of
streams) apart from drivers: `queue_poller` for one mapping of a queue, `sources` for all mappings.
A source brings a reader; nothing else here knows which service it is.
"""
