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

// A word that all processes see, zero at first; NULL unless all of them are on one machine. To be freed before the end.
typedef struct {
    MPI_Win window;
    unsigned long long *word;
} tributary_mpi_shared;

static inline tributary_mpi_shared tributary_mpi_share(void) {
    tributary_mpi_shared shared = {MPI_WIN_NULL, NULL};
    MPI_Comm machine;
    int all = tributary_mpi_size(), here = 0, unit = 1;
    MPI_Aint size = 0;
    if (MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine) != MPI_SUCCESS)
        return shared;
    MPI_Comm_size(machine, &here);
    // As many on every machine, or on none: all processes decide alike.
    int smallest = 0;
    MPI_Allreduce(&here, &smallest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (smallest == all) {
        void *own = NULL;
        MPI_Aint bytes = tributary_mpi_rank() == 0 ? 64 : 0;
        if (MPI_Win_allocate_shared(bytes, 1, MPI_INFO_NULL, machine, &own, &shared.window) == MPI_SUCCESS
            && MPI_Win_shared_query(shared.window, 0, &size, &unit, &own) == MPI_SUCCESS) {
            shared.word = own;
            if (tributary_mpi_rank() == 0) __atomic_store_n(shared.word, 0, __ATOMIC_SEQ_CST);
        }
        MPI_Barrier(machine);
    }
    MPI_Comm_free(&machine);
    return shared;
}

// The next number of a turn, from 0; turns ascend from 1, and none begins before all processes have left the last one.
static inline unsigned int tributary_mpi_ticket(unsigned long long *word, unsigned int turn) {
    unsigned long long seen = __atomic_load_n(word, __ATOMIC_SEQ_CST), next;
    do {
        next = seen >> 32 == turn ? seen + 1 : ((unsigned long long)turn << 32) + 1;
    } while (!__atomic_compare_exchange_n(word, &seen, next, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return (unsigned int)next - 1;
}

static inline int tributary_mpi_finish(tributary_mpi_shared *shared) {
    if (shared->word) MPI_Win_free(&shared->window);
    return MPI_Finalize();
}

static inline void tributary_mpi_abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }
