#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the peers' tasks here and with the peers by turns, and prints a table of medians.
#
#   Simulations/peers.sh PEERS PYTHON [repeats]
#
# PEERS is the folder of the peers' scripts, PYTHON an interpreter that has NumPy, PyTorch and psutil. TRIBUTARY names
# the program (default: the release build), TASKS the tasks (default: "mlp tiny cnn"), FLOWER=1 adds Flower, PFL an
# interpreter that has pfl. The machine should be idle: the load is printed with each row.
set -euo pipefail
peers=$(cd "$1" && pwd) python=$2 repeats=${3:-3}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tributary=${TRIBUTARY:-.build/release/tributary}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export PYTHONDONTWRITEBYTECODE=1 PEERS_CACHE=${PEERS_CACHE:-$out/cache}

declare -A file=([mlp]=peers-s1 [tiny]=peers-s3 [cnn]=peers-s2)
declare -A data=([mlp]=idx:$peers/../data/mnist [cnn]=idx:$peers/../data/mnist)
run() { timeout 600 "$@" 2>/dev/null | grep -h '^{' >>"$out/$task.jsonl" || echo "failed: $*" >&2; }
ours() { # the peers' own samples, in their split
    run "$tributary" simulate "Simulations/${file[$task]}.yaml" --set "data=$1" --set split=natural \
        --threads "$2" "${@:3}" --quiet --json
}

for task in ${TASKS:-mlp tiny cnn}; do
    archive=$out/$task.npz
    "$python" Simulations/peers_data.py "$peers" "${task/cnn/mlp}" "$archive"
    for _ in $(seq "$repeats"); do
        more=()
        # Their three rounds are over in a hundredth of a second here; more are measured.
        [ "$task" = tiny ] && more=(--set rounds=60 --set evaluate_every=60)
        ours "npz:$archive" 1 "${more[@]}"
        [ "$task" != cnn ] && OMP_NUM_THREADS=1 run "$python" "$peers/sim_bare_numpy.py" "$task"
        ours "npz:$archive" 2 "${more[@]}"
        run "$python" "$peers/sim_bare_torch.py" "$task"
        run "$python" "$peers/sim_bare_torch.py" "$task" --workers 2
        [ -n "${FLOWER:-}" ] && run "$python" "$peers/sim_flower.py" "$task"
        [ -n "${PFL:-}" ] && run "$PFL" "$peers/sim_pfl.py" "$task"
    done
    "$python" Simulations/peers_table.py "$task" "$out/$task.jsonl"
done
