// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <zlib.h>

// inflateInit2 is a macro over this function; window bits of 31 read gzip, -15 raw deflate.
static inline int tributary_inflate_start(z_stream *stream, int window_bits) {
    return inflateInit2_(stream, window_bits, ZLIB_VERSION, (int)sizeof(z_stream));
}
