// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Dropout (Srivastava et al. 2014) as PyTorch has it: in training a value survives with probability `1 - rate` and is
/// then divided by it; evaluation changes nothing.
///
/// The mask is a function of the batch's key and the value's position, so that the way back draws it again instead of
/// keeping it.
final class DropoutLayer: NetworkLayer {
    private let node: Int
    private let input: Int
    private let threshold: UInt32
    private var key: UInt64?
    let packedCount = 0
    var packedOffset = 0

    init(node: Int, input: Int, rate: Double) {
        self.node = node
        self.input = input
        threshold = UInt32(max(1, min(0xFFFF_FFFF, (1 - rate) * 0x1p32)))
    }

    func allocate(rows: Int, from allocator: inout BufferAllocator) {}

    func forward(_ pass: ForwardPass) {
        let x = pass.buffers.outputs[input]
        // Each dropout of a network has its own stream.
        key = pass.isTraining ? pass.dropoutKey &+ UInt64(node) &* 0x9E37_79B9_7F4A_7C15 : nil
        apply(x.extent(rows: pass.rows), from: x.view, to: pass.buffers.outputs[node].view)
    }

    func backward(_ pass: BackwardPass) {
        let dy = pass.buffers.gradients[node]
        apply(dy.extent(rows: pass.rows), from: dy.view, to: pass.buffers.gradients[input].view)
    }

    private func apply(_ extent: ckl_extent, from: ckl_view, to: ckl_view) {
        var (extent, from, to) = (extent, from, to)
        if let key {
            ckl_dropout(&extent, &from, key, threshold, &to)
        } else {
            ckl_copy(&extent, &from, &to, 0)
        }
    }
}
