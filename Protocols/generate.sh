#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Regenerates Sources/CMessages from tributary.proto. Needs protobuf-c-compiler (protoc-c).
#
# CI runs it and fails on `git diff --exit-code Sources/CMessages`.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target="$here/../Sources/CMessages"
command -v protoc-c >/dev/null || {
    echo "protoc-c is missing; install it with: apt-get install protobuf-c-compiler" >&2
    exit 69
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Texts become bytes for the generator only; both look the same on the wire. protobuf-c gives a `string` without its
# length, so that a text with an embedded zero byte would silently be cut short; `bytes` keep the length.
sed -E 's/^( *)(repeated )?string /\1\2bytes /' "$here/tributary.proto" >"$scratch/tributary.proto"
protoc-c --proto_path="$scratch" --c_out="$scratch" "$scratch/tributary.proto"
mkdir -p "$target/include"
for file in tributary.pb-c.c tributary.pb-c.h; do
    destination="$target/$file"
    case $file in *.h) destination="$target/include/$file" ;; esac
    {
        echo "// SPDX-License-Identifier: Apache-2.0"
        cat "$scratch/$file"
    } >"$destination"
done
