"""What a request of remote write says: snappy's block format and the messages of 1.0 and 2.0, read by hand."""

import struct

STALE = 0x7FF0000000000002


def varint(data, at):
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def unpacked(data):
    """google/snappy, format_description.txt."""
    size, at = varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag, kind = data[at], data[at] & 3
        at += 1
        if kind == 0:
            length = (tag >> 2) + 1
            if length > 60:
                more = length - 60
                length, at = int.from_bytes(data[at:at + more], "little") + 1, at + more
            out += data[at:at + length]
            at += length
            continue
        if kind == 1:
            length, back, at = (tag >> 2 & 7) + 4, tag >> 5 << 8 | data[at], at + 1
        else:
            width = 2 if kind == 2 else 4
            length, back, at = (tag >> 2) + 1, int.from_bytes(data[at:at + width], "little"), at + width
        for _ in range(length):
            out.append(out[-back])
    assert len(out) == size
    return bytes(out)


def fields(data):
    """[(number, value)]: bytes for what has a length, else an int."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 1:
            value, at = int.from_bytes(data[at:at + 8], "little"), at + 8
        else:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        yield tag >> 3, value


def all_of(data, number):
    return [value for field, value in fields(data) if field == number]


class Sample:
    def __init__(self, labels, bits, at):
        self.name, self.bits, self.at = labels.pop("__name__"), bits, at
        self.labels, self.value = labels, struct.unpack("<d", struct.pack("<Q", bits))[0]


def labels_of(series, symbols):
    if symbols is None:
        return {text[1].decode(): text[2].decode() for text in (dict(fields(pair)) for pair in all_of(series, 1))}
    refs, at, packed = [], 0, all_of(series, 1)[0]
    while at < len(packed):
        ref, at = varint(packed, at)
        refs.append(symbols[ref].decode())
    return dict(zip(refs[::2], refs[1::2]))


def samples(request):
    """All samples of a request, by its Content-Type."""
    message = unpacked(request.raw)
    is_2 = request.headers["Content-Type"].endswith("io.prometheus.write.v2.Request")
    symbols = all_of(message, 4) if is_2 else None
    found = []
    for series in all_of(message, 5 if is_2 else 1):
        for sample in all_of(series, 2):
            value = dict(fields(sample))
            found.append(Sample(labels_of(series, symbols), value[1], value[2]))
    return found
