#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds .build-mpi/release/tributary, whose simulations spread over processes under mpirun or srun (Open MPI).
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
need_packages libopenmpi-dev openmpi-bin
cd "$root"
TRIBUTARY_MPI=1 swift build -c release --static-swift-stdlib --product tributary --scratch-path .build-mpi
say "Built .build-mpi/release/tributary; for example: mpirun -n 2 .build-mpi/release/tributary simulate \
Simulations/quickstart.yaml --threads 1"
