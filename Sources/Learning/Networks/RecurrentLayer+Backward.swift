// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Glibc

extension RecurrentLayer {
    func backward(_ pass: BackwardPass) {
        let kept = kept
        let values = pass.values + packedOffset
        let rows = DenseKernels.paddedRows(pass.rows)
        kept.ones.update(repeating: 1, count: kept.onesCount)
        kept.projectionGradient.update(repeating: 0, count: paddedVocabulary * paddedGates)
        kept.stateGradient.update(from: pass.buffers.gradients[node].base, count: pass.rows * paddedHidden)
        for position in stride(from: spec.length - 1, through: 0, by: -1) {
            let gates = kept.gates + position * rows * paddedGates
            unrollGates(pass, kept, position: position, rows: rows)
            (gates + pass.rows * paddedGates).update(repeating: 0, count: (rows - pass.rows) * paddedGates)
            // The state before the first character is a constant.
            guard position > 0 else { break }
            kernels.inputGradient(
                gates,
                values + stateWeights,
                kept.ones,
                kept.productGradient,
                kept.scratch,
                rows,
                spec.hidden,
                gateCount
            )
            ck_axpy(kept.stateGradient, kept.productGradient, 1, pass.rows * paddedHidden)
        }
        guard let step = pass.step else { return }
        stepStateWeights(step, kept, values, rows: rows)
        stepInputWeights(step, kept, values, blockStart: pass.values)
    }

    /// The gradients of one time step's gates, in the place of the gates; the input's are summed by character.
    private func unrollGates(_ pass: BackwardPass, _ kept: Buffers, position: Int, rows: Int) {
        for row in 0..<pass.rows {
            let index = position * rows + row
            ckl_gru_gradient(
                spec.hidden,
                kept.gates + index * paddedGates,
                kept.states + index * paddedHidden,
                kept.candidates + index * paddedHidden,
                kept.stateGradient + row * paddedHidden,
                kept.gateGradient
            )
            let character = character(pass.buffers, row: row, position: position)
            ck_axpy(kept.projectionGradient + character * paddedGates, kept.gateGradient, 1, gateCount)
        }
    }

    private func stepStateWeights(
        _ step: ParameterStep,
        _ kept: Buffers,
        _ values: UnsafeMutablePointer<Float>,
        rows: Int
    ) {
        update(
            step,
            values,
            x: kept.states,
            gradient: kept.gates,
            weights: stateWeights,
            bias: stateBias,
            rows: spec.length * rows,
            inputs: spec.hidden
        )
    }

    private func stepInputWeights(
        _ step: ParameterStep,
        _ kept: Buffers,
        _ values: UnsafeMutablePointer<Float>,
        blockStart: UnsafeMutablePointer<Float>
    ) {
        let rows = DenseKernels.paddedRows(spec.vocabulary)
        // The embedding's gradient needs the weights from before their step, and their gradient the embedding's.
        kernels.inputGradient(
            kept.projectionGradient,
            values + inputWeights,
            kept.ones,
            kept.embeddingGradient,
            kept.scratch,
            rows,
            spec.embedding,
            gateCount
        )
        update(
            step,
            values,
            x: values,
            gradient: kept.projectionGradient,
            weights: inputWeights,
            bias: inputBias,
            rows: rows,
            inputs: spec.embedding
        )
        step.apply(
            kept.embeddingGradient,
            to: blockStart,
            at: packedOffset,
            count: spec.vocabulary * paddedEmbedding
        )
    }

    private func update(
        _ step: ParameterStep,
        _ values: UnsafeMutablePointer<Float>,
        x: UnsafePointer<Float>,
        gradient: UnsafePointer<Float>,
        weights: Int,
        bias: Int,
        rows: Int,
        inputs: Int
    ) {
        let velocity = step.velocity.map { $0 + packedOffset }
        let offset = step.offset.map { $0 + packedOffset }
        withUnsafePointer(to: step.settings) { settings in
            kernels.updateWeights(
                x,
                DenseKernels.padded(inputs),
                gradient,
                values + weights,
                velocity.map { $0 + weights },
                offset.map { $0 + weights },
                settings,
                rows,
                inputs,
                gateCount
            )
            kernels.updateBias(
                gradient,
                values + bias,
                velocity.map { $0 + bias },
                offset.map { $0 + bias },
                settings,
                rows,
                gateCount
            )
        }
    }
}
