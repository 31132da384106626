// SPDX-License-Identifier: Apache-2.0

extension SafetensorsFile {
    /// Writes a model to a file, durably, replacing what is there; the file is complete or it is not there.
    ///
    /// - Precondition: the vector has as many elements as the layout.
    /// - Throws: ``ModelStateError`` with code `fileAccess` when the file cannot be written.
    public static func write(
        _ vector: ParameterVector,
        layout: TensorLayout,
        metadata: [String: String] = [:],
        to path: String
    ) throws(ModelStateError) {
        precondition(vector.count == layout.elementCount, "the vector is not of this layout")
        let writer = try SafetensorsFileWriter(layout: layout, metadata: metadata, path: path)
        try vector.withElements { (elements) throws(ModelStateError) in try writer.append(elements) }
        try writer.finish()
    }
}
