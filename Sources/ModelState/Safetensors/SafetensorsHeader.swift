// SPDX-License-Identifier: Apache-2.0

/// The header of a safetensors file: which tensors it has, where their bytes lie, and free text by key.
///
///     | length of the JSON: u64, little-endian | JSON, padded with spaces | data |
///
/// Format: huggingface/safetensors, README, "Format".
public struct SafetensorsHeader: Sendable, Equatable {
    /// One tensor of the file.
    public struct Entry: Sendable, Hashable {
        /// The tensor's name.
        public let name: String
        /// The type of its elements.
        public let type: SafetensorsElementType
        /// Its extents.
        public let shape: TensorShape
        /// Its bytes, counted from the beginning of the data.
        public let bytes: Range<Int>
    }

    /// The longest header that is read or written, in bytes.
    public static let maximumByteCount = 64 << 20
    /// The bytes of the length in front of the JSON.
    public static let lengthByteCount = 8
    /// The key of the free text in the JSON; no tensor may have this name.
    static let metadataKey = "__metadata__"
    /// A metadata key that begins like this and ends with a tensor's name tells the tensor's role.
    static let rolePrefix = "tributary.role."

    /// The tensors in the order of their data.
    public let entries: [Entry]
    /// Free text by key.
    public let metadata: [String: String]

    /// Describes a file of 32-bit floats with the tensors of a layout, in its order.
    ///
    /// Roles other than `parameter` go into the metadata, where only this program looks for them.
    /// - Throws: ``ModelStateError`` with code `invalidLayout` for a tensor with the name that the format keeps for
    ///   itself.
    public init(layout: TensorLayout, metadata: [String: String] = [:]) throws(ModelStateError) {
        var entries: [Entry] = []
        entries.reserveCapacity(layout.tensors.count)
        var metadata = metadata.filter { !$0.key.hasPrefix(Self.rolePrefix) }
        for (index, tensor) in layout.tensors.enumerated() {
            guard tensor.name != Self.metadataKey else {
                throw ModelStateError(.invalidLayout, "a tensor named '\(tensor.name)' cannot be stored; rename it")
            }
            let range = layout.range(of: index)
            let bytes = (range.lowerBound * 4)..<(range.upperBound * 4)
            entries.append(Entry(name: tensor.name, type: .float32, shape: tensor.shape, bytes: bytes))
            if tensor.role != .parameter { metadata[Self.rolePrefix + tensor.name] = tensor.role.rawValue }
        }
        self.entries = entries
        self.metadata = metadata
    }

    init(entries: [Entry], metadata: [String: String]) {
        self.entries = entries
        self.metadata = metadata
    }

    /// The bytes of the data behind the header.
    public var dataByteCount: Int { entries.last?.bytes.upperBound ?? 0 }

    /// The tensors in the order of their data, with the roles that the metadata tells.
    ///
    /// - Throws: ``ModelStateError`` with code `invalidLayout` when a model cannot have these tensors.
    public func layout() throws(ModelStateError) -> TensorLayout {
        let tensors = entries.map { entry in
            let role = metadata[Self.rolePrefix + entry.name].flatMap(TensorLayout.Role.init(rawValue:))
            return TensorLayout.Tensor(name: entry.name, shape: entry.shape, role: role ?? .parameter)
        }
        do {
            return try TensorLayout(tensors)
        } catch {
            throw error as? ModelStateError ?? ModelStateError(.invalidLayout, "\(error)")
        }
    }

    /// The header's bytes, its length included, padded so that the data begins at a multiple of 8.
    ///
    /// The same header always gives the same bytes: metadata sorted by key, then the tensors in their order.
    public func encoded() -> [UInt8] {
        var output = [UInt8](repeating: 0, count: Self.lengthByteCount)
        output.reserveCapacity(64 + entries.count * 96)
        output.append(UInt8(ascii: "{"))
        if !metadata.isEmpty {
            Self.append(Self.metadataKey, to: &output)
            output += ":{".utf8
            for (index, key) in metadata.keys.sorted(by: Self.precedes).enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                Self.append(key, to: &output)
                output.append(UInt8(ascii: ":"))
                Self.append(metadata[key] ?? "", to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
        for (index, entry) in entries.enumerated() {
            if index > 0 || !metadata.isEmpty { output.append(UInt8(ascii: ",")) }
            Self.append(entry.name, to: &output)
            let shape = entry.shape.dimensions.map(String.init).joined(separator: ",")
            output += ":{\"dtype\":\"\(entry.type.rawValue)\",\"shape\":[\(shape)],".utf8
            output += "\"data_offsets\":[\(entry.bytes.lowerBound),\(entry.bytes.upperBound)]}".utf8
        }
        output.append(UInt8(ascii: "}"))
        while output.count % 8 != 0 { output.append(UInt8(ascii: " ")) }
        let length = UInt64(output.count - Self.lengthByteCount)
        for index in 0..<Self.lengthByteCount { output[index] = UInt8(truncatingIfNeeded: length >> (8 * index)) }
        return output
    }

    private static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }

    private static func append(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                output.append(UInt8(ascii: "\\"))
                output.append(byte)
            case 0..<0x20:
                output += (byte < 0x10 ? "\\u000" : "\\u00").utf8
                output += String(byte, radix: 16).utf8
            default:
                output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
