// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <mpi.h>
#include <stdlib.h>

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

// Bytes to a rank or from one.
typedef struct {
    void *bytes;
    int count, rank;
} tributary_mpi_run;

// All runs at once, each from and to where it is.
static inline int tributary_mpi_exchange(
    const tributary_mpi_run *sent, int sent_count, const tributary_mpi_run *received, int received_count) {
    MPI_Request *requests = malloc(sizeof(MPI_Request) * (size_t)(sent_count + received_count + 1));
    int begun = 0, code = requests ? MPI_SUCCESS : MPI_ERR_NO_MEM;
    for (int i = 0; i < received_count && code == MPI_SUCCESS; i++, begun++)
        code = MPI_Irecv(
            received[i].bytes, received[i].count, MPI_BYTE, received[i].rank, 0, MPI_COMM_WORLD, &requests[begun]);
    for (int i = 0; i < sent_count && code == MPI_SUCCESS; i++, begun++)
        code = MPI_Isend(sent[i].bytes, sent[i].count, MPI_BYTE, sent[i].rank, 0, MPI_COMM_WORLD, &requests[begun]);
    if (code == MPI_SUCCESS) code = MPI_Waitall(begun, requests, MPI_STATUSES_IGNORE);
    free(requests);
    return code;
}

static inline int tributary_mpi_finish(void) { return MPI_Finalize(); }

static inline void tributary_mpi_abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }
