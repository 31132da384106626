// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Glibc

/// An embedding and a gated recurrent unit (Cho et al. 2014, in PyTorch's form) over a sample's characters; gives the
/// last state.
///
/// The products of the input weights are taken once for each character of the vocabulary, not for each position: a
/// vocabulary is smaller than a batch's text. So are their gradients, summed by character first.
final class RecurrentLayer: NetworkLayer {
    let spec: NetworkPlan.Recurrent
    let node: Int
    let kernels: DenseKernels
    private var buffers: Buffers?
    var packedOffset = 0

    /// What it keeps: of each time step the states, candidates and gates of all rows.
    struct Buffers {
        /// For each character the products of the input weights.
        let projection: UnsafeMutablePointer<Float>
        let projectionGradient: UnsafeMutablePointer<Float>
        let embeddingGradient: UnsafeMutablePointer<Float>
        let states: UnsafeMutablePointer<Float>
        let candidates: UnsafeMutablePointer<Float>
        let gates: UnsafeMutablePointer<Float>
        let stateGradient: UnsafeMutablePointer<Float>
        let productGradient: UnsafeMutablePointer<Float>
        let gateGradient: UnsafeMutablePointer<Float>
        let scratch: UnsafeMutablePointer<Float>
        let ones: UnsafeMutablePointer<Float>
        let onesCount: Int
    }

    init(_ spec: NetworkPlan.Recurrent, node: Int, kernels: DenseKernels) {
        self.spec = spec
        self.node = node
        self.kernels = kernels
    }

    var gateCount: Int { 3 * spec.hidden }
    var paddedGates: Int { DenseKernels.padded(gateCount) }
    var paddedHidden: Int { DenseKernels.padded(spec.hidden) }
    var paddedEmbedding: Int { DenseKernels.padded(spec.embedding) }
    /// The vocabulary as rows of a product.
    var paddedVocabulary: Int { DenseKernels.padded(spec.vocabulary) }

    // Where the tensors lie in the packed block: embedding, input weights, state weights, their biases.
    var inputWeights: Int { paddedVocabulary * paddedEmbedding }
    var stateWeights: Int { inputWeights + paddedEmbedding * paddedGates }
    var inputBias: Int { stateWeights + paddedHidden * paddedGates }
    var stateBias: Int { inputBias + paddedGates }
    var packedCount: Int { stateBias + paddedGates }

    func allocate(rows: Int, from allocator: inout BufferAllocator) {
        let batch = DenseKernels.padded(rows)
        let onesCount = max(batch * paddedHidden, paddedVocabulary * paddedEmbedding)
        let scratch = max(
            batch * (paddedHidden + paddedGates),
            paddedVocabulary * (paddedEmbedding + paddedGates)
        )
        // The kernels read whole blocks of 16 rows: one block more than the last time step's.
        let slices = spec.length * batch + DenseKernels.padding
        buffers = Buffers(
            projection: allocator.floats(paddedVocabulary * paddedGates),
            projectionGradient: allocator.floats(paddedVocabulary * paddedGates),
            embeddingGradient: allocator.floats(paddedVocabulary * paddedEmbedding),
            states: allocator.floats((slices + batch) * paddedHidden),
            candidates: allocator.floats(slices * paddedHidden),
            gates: allocator.floats(slices * paddedGates),
            stateGradient: allocator.floats(batch * paddedHidden),
            productGradient: allocator.floats(batch * paddedHidden),
            gateGradient: allocator.floats(paddedGates),
            scratch: allocator.floats(scratch),
            ones: allocator.floats(onesCount),
            onesCount: onesCount
        )
    }

    var kept: Buffers {
        guard let buffers else { preconditionFailure("room for a batch is reserved before it is used") }
        return buffers
    }

    // MARK: Parameters

    /// Where the tensors begin in the model's layout.
    private var places: (inputWeights: Int, stateWeights: Int, inputBias: Int, stateBias: Int) {
        let first = spec.vocabulary * spec.embedding
        let second = first + gateCount * spec.embedding
        let third = second + gateCount * spec.hidden
        return (first, second, third, third + gateCount)
    }

    func pack(_ tensors: UnsafePointer<Float>, into packed: UnsafeMutablePointer<Float>) {
        let places = places
        for character in 0..<spec.vocabulary {
            (packed + character * paddedEmbedding)
                .update(from: tensors + character * spec.embedding, count: spec.embedding)
        }
        kernels.pack(tensors + places.inputWeights, gateCount, spec.embedding, packed + inputWeights)
        kernels.pack(tensors + places.stateWeights, gateCount, spec.hidden, packed + stateWeights)
        (packed + inputBias).update(from: tensors + places.inputBias, count: gateCount)
        (packed + stateBias).update(from: tensors + places.stateBias, count: gateCount)
    }

    func unpackDifference(
        _ packed: UnsafePointer<Float>,
        from start: UnsafePointer<Float>?,
        into out: UnsafeMutablePointer<Float>
    ) {
        let places = places
        for character in 0..<spec.vocabulary {
            for index in 0..<spec.embedding {
                let at = character * spec.embedding + index
                out[at] = packed[character * paddedEmbedding + index] - (start?[at] ?? 0)
            }
        }
        for (place, tensor, inputs) in [
            (inputWeights, places.inputWeights, spec.embedding), (stateWeights, places.stateWeights, spec.hidden),
        ] {
            kernels.unpackDifference(packed + place, start.map { $0 + tensor }, out + tensor, gateCount, inputs)
        }
        for (place, tensor) in [(inputBias, places.inputBias), (stateBias, places.stateBias)] {
            for gate in 0..<gateCount { out[tensor + gate] = packed[place + gate] - (start?[tensor + gate] ?? 0) }
        }
    }

    // MARK: Forward

    /// A sample's character at a position; the samples were checked to hold only characters of the vocabulary.
    func character(_ pass: NetworkBuffers, row: Int, position: Int) -> Int {
        Int(pass.outputs[0].image(row)[position])
    }

    func forward(_ pass: ForwardPass) {
        let kept = kept
        let values = pass.values + packedOffset
        let rows = DenseKernels.paddedRows(pass.rows)
        kernels.forward(
            values,
            paddedEmbedding,
            values + inputWeights,
            values + inputBias,
            kept.projection,
            DenseKernels.paddedRows(spec.vocabulary),
            spec.embedding,
            gateCount,
            0
        )
        kept.states.update(repeating: 0, count: rows * paddedHidden)
        for position in 0..<spec.length {
            let state = kept.states + position * rows * paddedHidden
            let next = state + rows * paddedHidden
            let gates = kept.gates + position * rows * paddedGates
            kernels.forward(
                state,
                paddedHidden,
                values + stateWeights,
                values + stateBias,
                gates,
                rows,
                spec.hidden,
                gateCount,
                0
            )
            for row in 0..<pass.rows {
                ckl_gru_forward(
                    spec.hidden,
                    kept.projection + character(pass.buffers, row: row, position: position) * paddedGates,
                    gates + row * paddedGates,
                    state + row * paddedHidden,
                    kept.candidates + (position * rows + row) * paddedHidden,
                    next + row * paddedHidden
                )
            }
            (next + pass.rows * paddedHidden).update(repeating: 0, count: (rows - pass.rows) * paddedHidden)
        }
        let last = kept.states + spec.length * rows * paddedHidden
        pass.buffers.outputs[node].base.update(from: last, count: pass.rows * paddedHidden)
    }
}
