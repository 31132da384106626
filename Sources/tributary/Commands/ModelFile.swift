// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import ModelState

/// Writes models for other programs.
enum ModelFile {
    /// Writes a safetensors file, complete or not at all.
    static func write(_ model: ParameterVector, layout: TensorLayout, to path: String, name: String) throws {
        var bytes: [UInt8] = []
        let header = try SafetensorsHeader(layout: layout, metadata: ["name": name])
        let writer = SafetensorsWriter<Never>(header: header) { bytes.append(contentsOf: $0) }
        model.withElements { writer.append($0) }
        writer.finish()
        do {
            try Data(bytes).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw Failure(.storage, "'\(path)' cannot be written: \(error)")
        }
    }
}
