// SPDX-License-Identifier: Apache-2.0

/// Takes the bytes of one connection as they arrive, choosing the memory that the socket is read into.
///
/// Both methods are called on the connection's loop, always in the order `receiveBuffer`, `received`, and never after
/// the connection's `onClose`. A call of `receiveBuffer` may be followed by another without a `received` between them.
public protocol StreamReceiver: AnyObject {
    /// Returns the memory that the next bytes shall be written to; it must not be empty.
    ///
    /// - Parameter slab: scratch memory shared by all connections of the loop. Return it (or a part of it) while small
    ///   pieces are expected; what it holds is valid until `received` returns. Return memory of your own, such as the
    ///   unfilled tail of a large frame, to have the kernel copy the bytes straight to their final place; it must stay
    ///   valid until `received` is called, the connection closes, or `receiveBuffer` is asked anew.
    func receiveBuffer(slab: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer

    /// Takes bytes that have arrived: a non-empty prefix of the buffer returned last.
    ///
    /// An error thrown here closes the connection at once with `CloseReason.receiver`.
    func received(_ bytes: UnsafeRawBufferPointer) throws
}
