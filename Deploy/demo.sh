#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets everything up on a fresh machine, builds, and trains a model over real sockets. Arguments go to `tributary demo`.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"
say "Building (the first time takes some minutes)"
swift build -c release --static-swift-stdlib --product tributary >&2
exec "$root/.build/release/tributary" demo "$@"
