// SPDX-License-Identifier: Apache-2.0

import ModelState

/// Writes models for other programs.
enum ModelFile {
    /// Writes a safetensors file, complete or not at all.
    static func write(_ model: ParameterVector, layout: TensorLayout, to path: String, name: String) throws {
        try reporting { () throws(ModelStateError) in
            try SafetensorsFile.write(model, layout: layout, metadata: ["name": name], to: path)
        }
    }

    /// A file that is written while its elements are made.
    static func writer(layout: TensorLayout, to path: String, name: String) throws -> SafetensorsFileWriter {
        try reporting { () throws(ModelStateError) in
            try SafetensorsFileWriter(layout: layout, metadata: ["name": name], path: path)
        }
    }

    /// Turns what goes wrong with an output into what a person reads.
    static func reporting<Result>(_ body: () throws(ModelStateError) -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            throw Failure(.storage, error.message)
        }
    }
}
