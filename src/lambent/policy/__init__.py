"""AWS's policy language: documents parsed once, requests decided by them; pure, no I/O, no clock.

`evaluator` decides, `document` parses and refuses, `conditions` and `wildcards` compare. Rules are
those of the IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements reference".
"""
