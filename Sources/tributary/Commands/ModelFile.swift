// SPDX-License-Identifier: Apache-2.0

import ModelState

/// Writes models for other programs.
enum ModelFile {
    /// Writes a safetensors file, complete or not at all.
    static func write(_ model: ParameterVector, layout: TensorLayout, to path: String, name: String) throws {
        do {
            try SafetensorsFile.write(model, layout: layout, metadata: ["name": name], to: path)
        } catch {
            throw Failure(.storage, error.message)
        }
    }
}
