"""Every bound, with its unit and its source.

Marks: [B] botocore's model `lambda/2015-03-31`; [LS] an answer recorded from real AWS in the
LocalStack test-suite's snapshots; [DG] AWS Lambda Developer Guide; [RIE] AWS's Runtime Interface
Emulator; [own] Lambent's own bound, where AWS names none.
"""

from __future__ import annotations

MIB = 1024 * 1024

# Payloads
SYNC_REQUEST_BYTES_MAX = 6 * MIB  # [B] Invoke: 6 MB
RESPONSE_BYTES_MAX = 6_291_556  # [RIE] 6 MiB + 100
STREAM_BYTES_MAX = 200 * MIB  # [DG] a streamed response
STREAM_BURST_BYTES = 6 * MIB  # [DG] what a stream sends before its rate counts; [RIE] a bucket
STREAM_BYTES_PER_S = 2 * MIB  # [DG] 2 MBps; [RIE]
CLIENT_CONTEXT_BYTES_MAX = 3_583  # [B] base64 length
LOG_TAIL_BYTES = 4 * 1024  # [B] LogResult: last 4 KB

RESTORE_S = 10.0  # [DG] of a snapshot, with the hooks after it
SNAPSHOT_INIT_S = 130  # [DG] or the function's timeout, whichever is more

ASYNC_REQUEST_BYTES_MAX = MIB  # [B] Invoke: 1 MB for asynchronous invocations
INVOKE_ASYNC_BYTES_MAX = 256 * 1024  # AWS CLI reference, invoke-async
ASYNC_RETRIES_DEFAULT = 2  # [DG]
ASYNC_AGE_S_MAX = 21_600  # [DG] and the default
ASYNC_RETRY_DELAYS_S = (60.0, 120.0)  # [DG] before the first and the second retry
ASYNC_BACK_OFF_S_MIN, ASYNC_BACK_OFF_S_MAX = 1.0, 300.0  # [DG] throttles and system errors

# Code
ZIP_BYTES_MAX = 52_428_800  # [LS]
CREATE_FUNCTION_BODY_BYTES_MAX = 70_167_211  # [LS]
UNZIPPED_BYTES_MAX = 262_144_000  # [LS] function and all its layers together
CODE_STORAGE_BYTES_MAX = 80_530_636_800  # [DG] 75 GB
ZIP_ENTRIES_MAX = 100_000  # [own]
ZIP_PATH_BYTES_MAX = 1_024  # [own]
ZIP_NAME_BYTES_MAX = 255  # [own] one part of a path; the file systems' own limit
ZIP_PATH_DEPTH_MAX = 100  # [own]

# Container images
IMAGE_BYTES_MAX = 10 * 1024 * MIB  # [DG] "Container image code package size": uncompressed
IMAGE_LAYERS_MAX = 127  # [own] Docker's own bound
IMAGE_ENTRIES_MAX = 1_000_000  # [own] files, folders and links of all layers
IMAGE_DOCUMENT_BYTES_MAX = 4 * MIB  # [own] a manifest or configuration; OCI asks for 4 MiB
IMAGE_PATH_BYTES_MAX = 4_096  # [own] the kernel's PATH_MAX
IMAGE_PULL_S_MAX = 3_600.0  # [own] until an image that is not there is given up

# Configuration
ENVIRONMENT_BYTES_MAX = 4 * 1024  # [DG]
LAYERS_MAX = 5  # [LS]
TAGS_MAX = 50  # [LS]
CAPACITY_PROVIDERS_MAX = 1_000  # [DG] Lambda Managed Instances quotas
VERSIONS_PER_PROVIDER_MAX = 100  # [DG] the same
PROVIDER_MEMORY_MIB_MIN = 2_048  # [DG] Lambda Managed Instances
RESOURCE_POLICY_BYTES_MAX = 20_480  # [B] 20 KB
SIGNING_JOBS_MAX = 100_000  # [own] signatures kept, so that each can be revoked
ALIASES_MAX = 1_000  # [own] of one function; AWS has a limit [B] but publishes no number
FUNCTION_NAME_MAX = 64  # [B] bare name
MEMORY_MIB_MIN, MEMORY_MIB_MAX = 128, 10_240  # [DG]
MEMORY_MIB_DEFAULT = 128
TIMEOUT_S_MIN, TIMEOUT_S_MAX = 1, 900  # [DG]
TIMEOUT_S_DEFAULT = 3
EPHEMERAL_MIB_MIN, EPHEMERAL_MIB_MAX = 512, 10_240  # [B]
MEMORY_MIB_PER_VCPU = 1_769  # [DG]

UNRESERVED_CONCURRENCY_MIN = 100  # [DG]

# Execution environments
INIT_TIMEOUT_S = 10.0  # [DG] before the init is tried again inside the invocation
PROCESSES_MAX = 1_024  # [DG]
EXTENSIONS_MAX = 10  # [DG] registered in one environment
SHUTDOWN_EXTERNAL_S = 2.0  # [DG] from the first signal to the last, with external extensions
SHUTDOWN_INTERNAL_S = 0.5  # [DG] with internal ones only
SHUTDOWN_RUNTIME_S = 0.3  # [DG] of it for the runtime, between SIGTERM and SIGKILL

# Bounds of the server itself [own]
HEADER_BYTES_MAX = 64 * 1024
BODY_BYTES_MAX = CREATE_FUNCTION_BODY_BYTES_MAX
CONNECTIONS_MAX = 8_192
BODIES_BYTES_MAX = 512 * MIB  # large bodies of all connections together
HEADER_TIMEOUT_S = 20.0
BODY_TIMEOUT_S = 120.0
KEEP_ALIVE_TIMEOUT_S = 120.0
LOG_EVENT_BYTES_MAX = 256 * 1024  # [DG] CloudWatch Logs: one event
LOG_GROUP_BYTES_MAX = 64 * MIB  # what a group keeps on disk before its oldest events go
