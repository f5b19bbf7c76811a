"""SNS: pure parts, signatures, and the driver in virtual time."""
