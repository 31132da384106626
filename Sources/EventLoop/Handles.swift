// SPDX-License-Identifier: Apache-2.0
internal import CLibuv

/// Views a libuv handle as its base type, as a cast does in C.
func asHandle<Handle>(_ handle: UnsafeMutablePointer<Handle>) -> UnsafeMutablePointer<uv_handle_t> {
    UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)
}

/// Views a TCP handle as the stream that it is.
func asStream(_ handle: UnsafeMutablePointer<uv_tcp_t>) -> UnsafeMutablePointer<uv_stream_t> {
    UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_stream_t.self)
}

/// Closes a TCP handle that no object owns (any more) and frees it.
func discard(_ handle: UnsafeMutablePointer<uv_tcp_t>) {
    uv_close(asHandle(handle)) { handle in
        guard let handle else { return }
        UnsafeMutableRawPointer(handle).deallocate()
    }
}
