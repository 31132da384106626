// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <mpi.h>

// MPI_COMM_WORLD and the types are casts in macros, which Swift does not see.
static inline int tributary_mpi_start(void) {
    int provided = 0;
    return MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
}

static inline int tributary_mpi_rank(void) {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

static inline int tributary_mpi_size(void) {
    int size = 1;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    return size;
}

static inline int tributary_mpi_gather_lengths(const long long *length, long long *lengths) {
    return MPI_Allgather(length, 1, MPI_LONG_LONG, lengths, 1, MPI_LONG_LONG, MPI_COMM_WORLD);
}

static inline int tributary_mpi_gather(const void *bytes, int count, void *all, const int *counts, const int *offsets) {
    return MPI_Allgatherv(bytes, count, MPI_BYTE, all, counts, offsets, MPI_BYTE, MPI_COMM_WORLD);
}

static inline int tributary_mpi_finish(void) { return MPI_Finalize(); }

static inline void tributary_mpi_abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }
