#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The robustness table: runs the sweep (goes on where it was) and prints the worst case over the attacks.
#   Simulations/robustness.sh [FOLDER]        TRIBUTARY: the program, default .build/release/tributary
set -eu
cd "$(dirname "$0")/.."
folder=${1:-robustness-sweep}
"${TRIBUTARY:-.build/release/tributary}" simulate Simulations/robustness.yaml \
    --sweep-file Simulations/robustness.sweep.yaml --sweep-dir "$folder"
python3 Simulations/worst_case.py "$folder" | tee "$folder/worst-case.md"
