#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the peers' tasks here and with the peers by turns, and prints a table of medians.
#
#   Simulations/peers.sh PEERS ENVIRONMENTS [repeats]
#
# PEERS is the folder of the peers' scripts; ENVIRONMENTS has the Python environments of their README: `venv` (NumPy,
# PyTorch, Flower) and, to run pfl too, `pfl`. An interpreter in its place runs NumPy and PyTorch alone. TRIBUTARY names
# the program (default: the release build), TASKS the tasks (default: "mlp tiny cnn"), OUT a file that takes every
# record as a JSON line. The machine should be idle: the load is printed with each row.
set -euo pipefail
peers=$(cd "$1" && pwd) environments=$2 repeats=${3:-3}
python=$environments pfl=
if [ -d "$environments" ]; then
    environments=$(cd "$environments" && pwd)
    python=$environments/venv/bin/python
    [ -x "$environments/pfl/bin/python" ] && pfl=$environments/pfl/bin/python
fi
flower=
[ -x "$(dirname "$python")/ray" ] && flower=$python
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
records=${OUT:-$out/records.jsonl}
touch "$records"
records=$(realpath "$records")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tributary=${TRIBUTARY:-.build/release/tributary}
export PYTHONDONTWRITEBYTECODE=1 PEERS_CACHE=${PEERS_CACHE:-$out/cache} FLWR_HOME=$out/flower

declare -A file=([mlp]=peers-s1 [tiny]=peers-s3 [cnn]=peers-s2)
run() { # keeps the record that a program prints, with the time that it took in all
    local begin=$EPOCHREALTIME record
    if record=$(timeout 900 "$@" 2>"$out/error" | grep -h '^{' | tail -n 1); then
        local seconds
        seconds=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f", b - a }')
        echo "{\"peers_task\": \"$task\", \"process_s\": $seconds, ${record#\{}" >>"$records"
    else
        echo "failed: $*" >&2
        tail -n 3 "$out/error" >&2
    fi
}
ours() { # the peers' own samples, in their split
    run "$tributary" simulate "Simulations/${file[$task]}.yaml" --set "data=npz:$archive" --set split=natural \
        --threads "$1" "${more[@]}" --quiet --json
}

for task in ${TASKS:-mlp tiny cnn}; do
    archive=$out/$task.npz
    "$python" Simulations/peers_data.py "$peers" "${task/cnn/mlp}" "$archive"
    more=()
    # Their rounds are over in hundredths of a second here; more are measured.
    [ "$task" = tiny ] && more=(--set rounds=60 --set evaluate_every=60)
    for _ in $(seq "$repeats"); do
        ours 1
        [ "$task" != cnn ] && OMP_NUM_THREADS=1 run "$python" "$peers/sim_bare_numpy.py" "$task"
        ours 2
        run "$python" "$peers/sim_bare_torch.py" "$task"
        run "$python" "$peers/sim_bare_torch.py" "$task" --workers 2
        [ -n "$pfl" ] && run "$pfl" "$peers/sim_pfl.py" "$task"
        [ -n "$flower" ] && run "$flower" "$peers/sim_flower.py" "$task"
    done
    "$python" Simulations/peers_table.py "$task" "$records"
done
