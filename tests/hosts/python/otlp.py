"""The smallest OTLP trace sender: spans as protobuf built by hand, posted over HTTP.

Field numbers are those of opentelemetry/proto/trace/v1/trace.proto. It exists so that the demo needs nothing but
python3; an app in earnest uses the SDK (see ../python_sdk).
"""

import http.client
import os
import struct
import time
import urllib.parse

KIND_INTERNAL, KIND_SERVER = 1, 2
STATUS_ERROR = 2


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def fixed64(field, value):
    return varint(field << 3 | 1) + struct.pack("<Q", value)


def message(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def text(field, value):
    return message(field, value.encode())


def attribute(key, value):
    any_value = number(3, value) if isinstance(value, int) else text(1, str(value))
    return text(1, key) + message(2, any_value)


class Span:
    """One span; end() stamps it. A child shares its parent's trace."""

    def __init__(self, name, parent=None, kind=KIND_INTERNAL):
        self.name, self.kind = name, kind
        self.trace_id = parent.trace_id if parent else os.urandom(16)
        self.span_id = os.urandom(8)
        self.parent_id = parent.span_id if parent else b""
        self.start, self.stop = time.time_ns(), 0
        self.attributes, self.failed = {}, False

    def end(self):
        self.stop = time.time_ns()
        return self

    def encode(self):
        out = message(1, self.trace_id) + message(2, self.span_id)
        if self.parent_id:
            out += message(4, self.parent_id)
        out += text(5, self.name) + number(6, self.kind) + fixed64(7, self.start) + fixed64(8, self.stop)
        for key, value in self.attributes.items():
            out += message(9, attribute(key, value))
        return out + message(15, number(3, STATUS_ERROR) if self.failed else b"")


def request(service, spans):
    """An ExportTraceServiceRequest with one resource and one scope."""
    resource = message(1, attribute("service.name", service))
    resource += message(1, attribute("telemetry.sdk.language", "python"))
    scope = message(1, text(1, "shop"))
    scoped = scope + b"".join(message(2, span.encode()) for span in spans)
    return message(1, message(1, resource) + message(2, scoped))


def post(endpoint, service, spans):
    """Sends the spans; returns the HTTP status, or None when nobody answers."""
    url = urllib.parse.urlsplit(endpoint)
    path = url.path.rstrip("/") + "/v1/traces"
    connection = http.client.HTTPConnection(url.hostname, url.port or 4318, timeout=5)
    try:
        connection.request("POST", path, request(service, spans), {"Content-Type": "application/x-protobuf"})
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()
