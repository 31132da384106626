// SPDX-License-Identifier: Apache-2.0

/// A model's parameters, or a change to them, as one flat vector of 32-bit floats with value semantics.
///
/// Copies share memory until one of them is written. The elements are aligned to at least 64 bytes, so that kernels
/// and the network can use them in place.
public struct ParameterVector: Sendable {
    private var storage: FloatStorage

    /// Creates a vector of `count` zeros.
    public init(zeros count: Int) {
        storage = FloatStorage(zeroed: count)
    }

    /// Creates a vector with the given elements.
    public init(_ elements: [Float]) {
        self.init(zeros: elements.count)
        elements.withUnsafeBufferPointer { source in
            guard let base = source.baseAddress else { return }
            storage.base.update(from: base, count: source.count)
        }
    }

    /// Creates a vector with a copy of the given elements.
    public init(copying elements: UnsafeBufferPointer<Float>) {
        self.init(zeros: elements.count)
        if let base = elements.baseAddress {
            storage.base.update(from: base, count: elements.count)
        }
    }

    /// The number of elements.
    public var count: Int { storage.count }

    /// The bytes that the elements take.
    public var byteCount: Int { storage.count * MemoryLayout<Float>.stride }

    /// Reads or writes one element.
    public subscript(index: Int) -> Float {
        get {
            precondition(index >= 0 && index < storage.count, "index outside the vector")
            return storage.base[index]
        }
        set {
            precondition(index >= 0 && index < storage.count, "index outside the vector")
            makeUnique()
            storage.base[index] = newValue
        }
    }

    /// Calls `body` with the elements, to read.
    public func withElements<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeBufferPointer(start: storage.base, count: storage.count))
    }

    /// Calls `body` with the elements, to write; copies them first when another vector shares them.
    public mutating func withMutableElements<Result, Failure: Error>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        makeUnique()
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeMutableBufferPointer(start: storage.base, count: storage.count))
    }

    /// The elements' bytes in memory order together with the object that keeps them alive, to hand to vectored writes.
    ///
    /// The bytes do not change as long as the owner is held: writing to the vector copies it first.
    public var sharedBytes: (bytes: UnsafeRawBufferPointer, owner: any AnyObject & Sendable) {
        (UnsafeRawBufferPointer(start: storage.base, count: byteCount), storage)
    }

    private mutating func makeUnique() {
        guard !isKnownUniquelyReferenced(&storage) else { return }
        let copy = FloatStorage(zeroed: storage.count)
        copy.base.update(from: storage.base, count: storage.count)
        storage = copy
    }

    /// The elements as an array.
    public var elements: [Float] {
        withElements { Array($0) }
    }
}

extension ParameterVector: Equatable {
    /// Whether both vectors have the same bits (so a NaN equals itself, and 0 differs from -0).
    public static func == (left: ParameterVector, right: ParameterVector) -> Bool {
        left.hasSameBits(as: right)
    }
}
