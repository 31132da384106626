#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets everything up on a fresh machine, builds, and passes every test: units, simulation seeds, real processes, the
# protocol from another language, and the demo.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
need_packages python3-venv protobuf-compiler protobuf-c-compiler libopenmpi-dev openmpi-bin libdnnl-dev
cd "$root"

say "== The generated messages are those of Protocols/tributary.proto"
Protocols/generate.sh --check

say "== Building"
swift build --build-tests
# The tests' own build has neither MPI nor oneDNN; this one has both.
TRIBUTARY_MPI=1 TRIBUTARY_DNNL=1 swift build -c release --static-swift-stdlib --product tributary

say "== Python, for the protocol's second implementation"
Tests/Python/setup.sh "$root/.build/python"
"$root/.build/python/bin/python" Tests/Python/check_vectors.py

say "== Tests"
export TRIBUTARY_BINARY="$root/.build/release/tributary" TRIBUTARY_PYTHON="$root/.build/python/bin/python"
SWIFT_BACKTRACE=enable=no swift test --skip-build

say "== The demo"
"$TRIBUTARY_BINARY" demo --json | tee "$root/.build/demo.json"
"$root/.build/python/bin/python" - "$root/.build/demo.json" <<'CHECK'
import json, sys
last = json.loads(open(sys.argv[1]).read().strip().splitlines()[-1])
assert last["phase"] == "finished" and last["rounds"] == 10, last
assert last["accuracy"] >= 0.95, last
CHECK
say "== One simulation over 1, 2 and 3 processes"
# As root, and with more processes than cores: both are fine here.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
for ranks in 1 2 3; do
    mpirun --oversubscribe -n "$ranks" "$TRIBUTARY_BINARY" simulate Simulations/quickstart.yaml --threads 1 --quiet \
        --json | tail -n 1
done >"$root/.build/ranks.json"
"$root/.build/python/bin/python" - "$root/.build/ranks.json" <<'CHECK'
import json, sys
digests = {json.loads(line)["model_digest"] for line in open(sys.argv[1])}
assert len(digests) == 1, digests
CHECK
say "== All passed"
