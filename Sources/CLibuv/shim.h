// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/prctl.h>
#include <uv.h>

// Names the calling thread; prctl is variadic and pthread_setname_np a GNU extension, so Swift sees neither.
static inline void eventloop_name_thread(const char *name) {
    prctl(PR_SET_NAME, name, 0, 0, 0);
}
