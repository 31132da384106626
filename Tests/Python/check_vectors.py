#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks Protocols/vectors/messages.json with Google's protobuf library and xxhash, independently of the Swift code.

    check_vectors.py            checks every vector
    check_vectors.py --write    writes the bytes that belong to the vectors' fields

For every message, the fields must give exactly the bytes, and the bytes the fields.
"""

import argparse
import json
import struct
import sys

import xxhash
from google.protobuf import json_format, message

import tributary_messages

VECTORS = tributary_messages.PROTOCOLS / "vectors" / "messages.json"


def frame_bytes(pb, fields):
    """The frame, length word included, of a message given in protobuf's JSON form."""
    body = json_format.ParseDict(fields, pb.Frame()).SerializeToString(deterministic=True)
    return struct.pack("<I", len(body)) + body


def check_message(pb, vector):
    data = bytes.fromhex(vector["hex"])
    (length,) = struct.unpack_from("<I", data)
    if length != len(data) - 4:
        return f"the length word says {length}, the message has {len(data) - 4} bytes"
    expected = json_format.ParseDict(vector["fields"], pb.Frame())
    parsed = pb.Frame.FromString(data[4:])
    if parsed != expected:
        return f"the bytes mean {json_format.MessageToDict(parsed, preserving_proto_field_name=True)}"
    if parsed.WhichOneof("body") is None:
        return "the frame has no body that the schema knows"
    if frame_bytes(pb, vector["fields"]) != data:
        return "the fields give other bytes"
    return None


def check_equivalent(pb, vector, named):
    parsed = pb.Frame.FromString(bytes.fromhex(vector["hex"])[4:])
    parsed.DiscardUnknownFields()
    expected = json_format.ParseDict(named[vector["same_as"]]["fields"], pb.Frame())
    return None if parsed == expected else "the bytes mean another message"


def check_ignored(pb, vector):
    parsed = pb.Frame.FromString(bytes.fromhex(vector["hex"])[4:])
    return "the frame has a body" if parsed.WhichOneof("body") else None


def check_malformed(pb, vector):
    try:
        pb.Frame.FromString(bytes.fromhex(vector["hex"])[4:])
        return "the bytes are a message"
    except message.DecodeError:
        return None


def check_digest(vector):
    data = bytes.fromhex(vector["hex"]) * vector.get("repeat", 1)
    digest = xxhash.xxh3_128(data).digest()
    return None if digest.hex() == vector["digest"] else f"the digest is {digest.hex()}"


def write(pb, vectors):
    for vector in vectors["messages"]:
        vector["hex"] = frame_bytes(pb, vector["fields"]).hex()
    for vector in vectors["digests"]:
        vector["digest"] = xxhash.xxh3_128(bytes.fromhex(vector["hex"]) * vector.get("repeat", 1)).hexdigest()
    VECTORS.write_text(json.dumps(vectors, indent=1) + "\n")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", action="store_true", help="write the bytes that belong to the fields")
    options = arguments.parse_args()
    pb = tributary_messages.load()
    vectors = json.loads(VECTORS.read_text())
    if options.write:
        write(pb, vectors)
    problems = []
    for vector in vectors["messages"]:
        problems.append((vector["name"], check_message(pb, vector)))
    named = {vector["name"]: vector for vector in vectors["messages"]}
    for vector in vectors["equivalents"]:
        problems.append((vector["name"], check_equivalent(pb, vector, named)))
    for vector in vectors["ignored"]:
        problems.append((vector["name"], check_ignored(pb, vector)))
    for vector in vectors["refused"]:
        if vector["code"] == "malformed":
            problems.append((vector["name"], check_malformed(pb, vector)))
    for vector in vectors["digests"]:
        problems.append((vector["name"], check_digest(vector)))
    bodies = {next(iter(vector["fields"])) for vector in vectors["messages"]}
    for field in pb.Frame.DESCRIPTOR.oneofs_by_name["body"].fields:
        problems.append((field.name, None if field.name in bodies else "no vector shows this message"))
    failures = [f"{name}: {problem}" for name, problem in problems if problem]
    print("\n".join(failures) or f"all {len(problems)} checks agree")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
