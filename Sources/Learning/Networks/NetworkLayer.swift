// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// One node of a layered network, with its parameters' place and what it keeps from forward to backward.
protocol NetworkLayer: AnyObject {
    /// The floats that its parameters take in the packed block.
    var packedCount: Int { get }
    /// How many of these, from the first, steps change; what follows are statistics.
    var trainedCount: Int { get }
    /// Where they begin there.
    var packedOffset: Int { get set }

    /// Takes the buffers that it keeps for batches of up to `rows` rows.
    func allocate(rows: Int, from allocator: inout BufferAllocator)
    /// Computes its output.
    func forward(_ pass: ForwardPass)
    /// From its output's gradient: its inputs' gradients, then, where the pass has a step, the step of its parameters.
    func backward(_ pass: BackwardPass)
    /// Brings tensors from the model's layout into the packed one; both pointers stand at the layer's own.
    func pack(_ tensors: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>)
    /// Writes `packed - start` in the model's layout; without a start `packed`.
    func unpackDifference(
        _ packed: UnsafePointer<Float>,
        from start: UnsafePointer<Float>?,
        into out: UnsafeMutablePointer<Float>
    )
}

/// A layer without parameters has nothing to pack, one without statistics steps all of them.
extension NetworkLayer {
    var trainedCount: Int { packedCount }
    func pack(_ tensors: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>) {}
    func unpackDifference(
        _ packed: UnsafePointer<Float>,
        from start: UnsafePointer<Float>?,
        into out: UnsafeMutablePointer<Float>
    ) {}
}

/// What a forward pass is given.
struct ForwardPass {
    let buffers: NetworkBuffers
    let rows: Int
    /// The packed parameters; batch norm's statistics in them change in training.
    let values: UnsafeMutablePointer<Float>
    let isTraining: Bool
    /// The batch's key of dropout.
    let dropoutKey: UInt64
}

/// What a backward pass is given.
struct BackwardPass {
    let buffers: NetworkBuffers
    let rows: Int
    let values: UnsafeMutablePointer<Float>
    /// How parameters step; nil where they stay as they are.
    let step: ParameterStep?
    /// Whether the gradient with respect to the network's input is wanted.
    let reachesInput: Bool

    /// Whether a layer that reads `node` is asked for that node's gradient.
    func wantsGradient(of node: Int) -> Bool { node > 0 || reachesInput }
}

/// A step of the parameters, in the packed layout.
struct ParameterStep {
    var settings: ckt_step
    let velocity: UnsafeMutablePointer<Float>?
    let offset: UnsafePointer<Float>?

    /// Steps `count` parameters at `place` of the packed block.
    func apply(_ gradient: UnsafePointer<Float>, to values: UnsafeMutablePointer<Float>, at place: Int, count: Int) {
        withUnsafePointer(to: settings) { settings in
            ckl_step(values + place, gradient, velocity.map { $0 + place }, offset.map { $0 + place }, settings, count)
        }
    }
}
