// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The buffers of a batch of up to `rows` rows: what each node gives, its gradient, and what the layers keep.
final class NetworkBuffers {
    let rows: Int
    let outputs: [ImageBuffer]
    /// As ``outputs``; the input's is there only where a gradient with respect to it was asked for.
    private(set) var gradients: [ImageBuffer]
    let probabilities: UnsafeMutablePointer<Float>
    let labels: UnsafeMutablePointer<Int32>
    private let arena: FloatArena
    private var inputArena: FloatArena?

    init(rows: Int, layers: [any NetworkLayer], layouts: [NodeLayouts]) {
        let rows = DenseKernels.padded(rows)
        self.rows = rows
        var counter = BufferAllocator()
        _ = Self.allocate(rows, layers, layouts, &counter)
        arena = FloatArena(capacity: counter.count)
        var allocator = BufferAllocator(arena: arena)
        let parts = Self.allocate(rows, layers, layouts, &allocator)
        outputs = parts.outputs
        gradients = parts.gradients
        probabilities = parts.probabilities
        labels = parts.labels
    }

    private struct Parts {
        let outputs: [ImageBuffer]
        let gradients: [ImageBuffer]
        let probabilities: UnsafeMutablePointer<Float>
        let labels: UnsafeMutablePointer<Int32>
    }

    private static func allocate(
        _ rows: Int,
        _ layers: [any NetworkLayer],
        _ layouts: [NodeLayouts],
        _ allocator: inout BufferAllocator
    ) -> Parts {
        let outputs = layouts.map { ImageBuffer($0.output, images: rows, from: &allocator) }
        // The input's gradient comes later, if at all: until then it has no images.
        let gradients = layouts.enumerated().map { index, layout in
            ImageBuffer(layout.gradient, images: index == 0 ? 0 : rows, from: &allocator)
        }
        let parts = Parts(
            outputs: outputs,
            gradients: gradients,
            probabilities: allocator.floats(rows * (layouts.last?.output.pixel ?? 0)),
            labels: allocator.values(Int32.self, rows)
        )
        for layer in layers { layer.allocate(rows: rows, from: &allocator) }
        return parts
    }

    /// Makes room for the gradient with respect to the input.
    func reserveInputGradient() {
        guard inputArena == nil else { return }
        let layout = gradients[0].layout
        let arena = FloatArena(capacity: FloatArena.footprint(rows * layout.imageCount))
        var allocator = BufferAllocator(arena: arena)
        gradients[0] = ImageBuffer(layout, images: rows, from: &allocator)
        inputArena = arena
    }
}

/// How a node's output and its gradient lie in memory.
struct NodeLayouts {
    var output: ImageBuffer.Layout
    var gradient: ImageBuffer.Layout
}
