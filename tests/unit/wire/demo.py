"""A small model with what Lambda's lacks, so that other services find it working."""

from __future__ import annotations

from typing import Any

from lambent.wire import Service

SHAPES: dict[str, Any] = {
    "Text": {"type": "string"},
    "Short": {"type": "string", "min": 2, "max": 4, "pattern": "[a-z]*"},
    "Colour": {"type": "string", "enum": ["red", "green"]},
    "Number": {"type": "integer", "min": 1, "max": 5},
    "Weight": {"type": "double", "min": 0, "max": 1},
    "Long": {"type": "long"},
    "Flag": {"type": "boolean"},
    "Bytes": {"type": "blob", "max": 3},
    "Moment": {"type": "timestamp"},
    "IsoMoment": {"type": "timestamp", "timestampFormat": "iso8601"},
    "Texts": {"type": "list", "member": {"shape": "Text"}},
    "Moments": {"type": "list", "member": {"shape": "Moment"}},
    "Shorts": {"type": "list", "member": {"shape": "Short"}, "max": 3},
    "Things": {"type": "list", "member": {"shape": "Thing"}, "max": 2},
    "FlatTexts": {"type": "list", "flattened": True, "member": {"shape": "Text"}},
    "TextMap": {"type": "map", "key": {"shape": "Short"}, "value": {"shape": "Colour"}},
    "TextsMap": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Texts"}},
    "AnyMap": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
    "Free": {"type": "structure", "members": {}, "document": True},
    "Secret": {"type": "string", "sensitive": True, "max": 3},
    "Thing": {
        "type": "structure",
        "required": ["Name"],
        "members": {
            "Name": {"shape": "Short"},
            "Inner": {"shape": "Thing"},
            "Free": {"shape": "Free"},
        },
    },
    "PutRequest": {
        "type": "structure",
        "required": ["Name"],
        "members": {
            "Name": {"shape": "Short", "location": "uri", "locationName": "name"},
            "Key": {"shape": "Text", "location": "uri", "locationName": "key"},
            "Meta": {"shape": "AnyMap", "location": "headers", "locationName": "x-meta-"},
            "Tags": {"shape": "Texts", "location": "header", "locationName": "X-Tags"},
            "Seen": {"shape": "Moment", "location": "header", "locationName": "X-Seen"},
            "Dates": {"shape": "Moments", "location": "header", "locationName": "X-Dates"},
            "Context": {
                "shape": "Text",
                "location": "header",
                "locationName": "X-Context",
                "jsonvalue": True,
            },
            "Since": {"shape": "Moment", "location": "querystring", "locationName": "since"},
            "Flags": {"shape": "Texts", "location": "querystring", "locationName": "flag"},
            "More": {"shape": "TextsMap", "location": "querystring"},
            "Body": {"shape": "Thing"},
        },
        "payload": "Body",
    },
    "CheckRequest": {
        "type": "structure",
        "members": {
            "Short": {"shape": "Short"},
            "Colour": {"shape": "Colour"},
            "Number": {"shape": "Number"},
            "Weight": {"shape": "Weight"},
            "Long": {"shape": "Long"},
            "Flag": {"shape": "Flag"},
            "Bytes": {"shape": "Bytes"},
            "Moment": {"shape": "Moment"},
            "IsoMoment": {"shape": "IsoMoment"},
            "Texts": {"shape": "Texts"},
            "Shorts": {"shape": "Shorts"},
            "Things": {"shape": "Things"},
            "FlatTexts": {"shape": "FlatTexts"},
            "TextMap": {"shape": "TextMap"},
            "KMSKeyArn": {"shape": "Secret"},
            "Free": {"shape": "Free"},
        },
    },
    "TeapotException": {
        "type": "structure",
        "members": {
            "Message": {"shape": "Text"},
            "Spout": {"shape": "Text"},
            "After": {"shape": "Text", "location": "header", "locationName": "Retry-After"},
        },
        "error": {"httpStatusCode": 418, "code": "Teapot", "senderFault": True},
        "exception": True,
    },
    "BrokenException": {"type": "structure", "members": {}, "exception": True, "fault": True},
}

OPERATIONS: dict[str, Any] = {
    "Put": {
        "http": {"method": "PUT", "requestUri": "/v1/{name}/items/{key+}?mode=put"},
        "input": {"shape": "PutRequest"},
        "output": {"shape": "PutRequest"},
        "errors": [{"shape": "TeapotException"}],
    },
    "Check": {
        "http": {"method": "POST", "requestUri": "/v1/check"},
        "input": {"shape": "CheckRequest"},
        "output": {"shape": "CheckRequest", "resultWrapper": "CheckResult"},
    },
}


def demo_service(protocol: str = "rest-json", name: str = "demo") -> Service:
    metadata = {
        "apiVersion": "2020-01-01",
        "protocol": protocol,
        "targetPrefix": "Demo_20200101",
        "jsonVersion": "1.0",
        "xmlNamespace": "https://demo/",
    }
    return Service(name, {"metadata": metadata, "operations": OPERATIONS, "shapes": SHAPES})
