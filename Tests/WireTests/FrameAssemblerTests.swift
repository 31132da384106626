// SPDX-License-Identifier: Apache-2.0
import Randomness
import Rounds
import Testing

@testable import Wire

@Suite struct FrameAssemblerTests {
    /// Collects frames, and checks what is promised about their owners.
    private final class Collector {
        var frames: [[UInt8]] = []
        var owned = 0

        /// Whether exactly these frames came; keeps their bytes out of a failure's report.
        func has(_ expected: [[UInt8]]) -> Bool { frames == expected }
    }

    private let pool = FrameBufferPool()

    private func make(_ collector: Collector, limit: Int = Limits.controlBytes) -> FrameAssembler {
        FrameAssembler(frameLimit: limit, pool: pool) { frame in
            collector.frames.append(frame.array)
            collector.owned += frame.owner == nil ? 0 : 1
        }
    }

    private func stream(_ frames: [[UInt8]]) -> [UInt8] {
        frames.flatMap { frame in withUnsafeBytes(of: UInt32(frame.count).littleEndian) { Array($0) } + frame }
    }

    /// Feeds bytes as a socket would: into the memory that the assembler names, at most `piece()` at a time.
    private func feed(
        _ bytes: [UInt8],
        to assembler: FrameAssembler,
        slabBytes: Int = 64,
        piece: () -> Int
    ) throws {
        let slab = UnsafeMutableRawBufferPointer.allocate(byteCount: slabBytes, alignment: 16)
        defer { slab.deallocate() }
        var position = 0
        while position < bytes.count {
            let target = assembler.receiveBuffer(slab: slab)
            #expect(!target.isEmpty)
            let count = min(target.count, piece(), bytes.count - position)
            target.copyBytes(from: bytes[position..<(position + count)])
            try assembler.received(UnsafeRawBufferPointer(rebasing: target[..<count]))
            // The slab belongs to all connections: what it held is gone.
            slab.initializeMemory(as: UInt8.self, repeating: 0xEE)
            position += count
        }
    }

    private func randomFrame(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    @Test func framesComeOutWhereverTheStreamIsCut() throws {
        var random = SeededGenerator(seed: Seed(31))
        let frames = [1, 2, 60, 3, 200, 64, 1, 128, 4].map { randomFrame($0, &random) }
        let bytes = stream(frames)
        for cut in 0...bytes.count {
            let collector = Collector()
            let assembler = make(collector)
            try bytes.withUnsafeBytes { bytes in
                try assembler.received(UnsafeRawBufferPointer(rebasing: bytes[..<cut]))
                try assembler.received(UnsafeRawBufferPointer(rebasing: bytes[cut...]))
            }
            #expect(collector.has(frames), "cut at \(cut)")
            #expect(assembler.isBetweenFrames)
        }
    }

    @Test(arguments: [1, 2, 3, 5, 63, 64, 1_000])
    func framesComeOutOfPiecesOfAnySize(pieceBytes: Int) throws {
        var random = SeededGenerator(seed: Seed(32))
        let frames = [5, 1, 300, 1, 1, 64, 60, 59, 5_000, 7].map { randomFrame($0, &random) }
        let collector = Collector()
        let assembler = make(collector)
        try feed(stream(frames), to: assembler) { pieceBytes }
        #expect(collector.has(frames))
        #expect(assembler.isBetweenFrames)
    }

    @Test func smallAndLargeFramesMayAlternateInPiecesOfRandomSize() throws {
        var random = SeededGenerator(seed: Seed(33))
        let sizes = (0..<60).map { $0.isMultiple(of: 7) ? 70_000 + random.below(200_000) : 1 + random.below(300) }
        let frames = sizes.map { randomFrame($0, &random) }
        let collector = Collector()
        let assembler = make(collector)
        try feed(stream(frames), to: assembler, slabBytes: 4_096) { 1 + random.below(9_000) }
        #expect(collector.has(frames))
        #expect(collector.owned >= 9, "large frames have buffers of their own")
    }

    @Test func largeFramesAreReadIntoTheirOwnBuffer() throws {
        let collector = Collector()
        let assembler = make(collector)
        let slab = UnsafeMutableRawBufferPointer.allocate(byteCount: 100, alignment: 16)
        defer { slab.deallocate() }
        #expect(assembler.receiveBuffer(slab: slab).baseAddress == slab.baseAddress)
        let frame = [UInt8](repeating: 9, count: 100_000)
        slab.copyBytes(from: stream([frame]).prefix(100))
        try assembler.received(UnsafeRawBufferPointer(slab))
        let tail = assembler.receiveBuffer(slab: slab)
        #expect(tail.count == 100_000 - 96, "exactly what is missing, so that nothing of the next frame is read")
        tail.initializeMemory(as: UInt8.self, repeating: 9)
        try assembler.received(UnsafeRawBufferPointer(tail))
        #expect(collector.frames == [frame])
        #expect(
            assembler.receiveBuffer(slab: slab).baseAddress == slab.baseAddress,
            "a quiet connection holds no buffer"
        )
    }

    @Test func buffersAreReusedOnceNobodyHoldsTheirFrame() throws {
        let pool = FrameBufferPool(capacityBytes: 300_000)
        var held: [ByteSlice] = []
        let assembler = FrameAssembler(pool: pool) { held.append($0) }
        let frame = [UInt8](repeating: 1, count: 100_000)
        for _ in 0..<3 { try feed(stream([frame]), to: assembler) { 50_000 } }
        #expect(pool.keptBytes == 0)
        #expect(Set(held.map { $0.bytes.baseAddress }).count == 3, "a held frame is not written over")
        #expect(held.allSatisfy { $0.array == frame })
        held.removeAll()
        #expect(pool.keptBytes == 262_144, "no more is kept than the pool may")
        try feed(stream([frame]), to: assembler) { 50_000 }
        #expect(pool.keptBytes == 131_072)
    }

    @Test func overlongFramesAreRefusedBeforeMemoryIsTaken() throws {
        let collector = Collector()
        let assembler = make(collector, limit: 1_000)
        var bytes = stream([[7], [UInt8](repeating: 1, count: 1_000)])
        bytes += [0xE9, 3, 0, 0]
        let error = #expect(throws: WireError.self) { try feed(bytes, to: assembler) { 64 } }
        #expect(error?.code == .limitExceeded)
        #expect(error?.reason == .limitExceeded)
        #expect(collector.frames.count == 2, "what came before it is delivered")
        #expect(assembler.isBetweenFrames)
        #expect(throws: WireError.self) { try feed([1, 0, 0, 0, 7], to: assembler) { 64 } }
        #expect(collector.frames.count == 2, "nothing is delivered after an error")
    }

    @Test func theLargestLengthIsRefused() {
        let assembler = make(Collector())
        #expect(throws: WireError.self) { try feed([0xFF, 0xFF, 0xFF, 0xFF], to: assembler) { 1 } }
    }

    @Test func emptyFramesAreRefused() {
        let assembler = make(Collector())
        let error = #expect(throws: WireError.self) { try feed([0, 0, 0, 0], to: assembler) { 4 } }
        #expect(error?.code == .malformed)
    }

    @Test func theLimitMayRiseDuringADelivery() throws {
        var count = 0
        var assembler: FrameAssembler?
        assembler = FrameAssembler(frameLimit: 10, pool: pool) { _ in
            count += 1
            assembler?.frameLimit = 100
        }
        let frames = [[UInt8](repeating: 1, count: 10), [UInt8](repeating: 2, count: 100)]
        try feed(stream(frames), to: #require(assembler), slabBytes: 1_000) { 1_000 }
        #expect(count == 2)
        assembler = nil
    }

    @Test func nothingIsDeliveredAfterStop() throws {
        var count = 0
        var assembler: FrameAssembler?
        assembler = FrameAssembler(pool: pool) { _ in
            count += 1
            assembler?.stop()
        }
        try feed(stream([[1], [2], [3]]), to: #require(assembler), slabBytes: 1_000) { 1_000 }
        #expect(count == 1)
        assembler = nil
    }

    @Test func whatTheDeliveryThrowsEndsTheStream() {
        let assembler = FrameAssembler(pool: pool) { _ throws(WireError) in throw WireError(.malformed, "no") }
        let error = #expect(throws: WireError.self) { try feed(stream([[1]]), to: assembler) { 9 } }
        #expect(error?.message == "no")
    }

    @Test func everyVectorGoesThroughTheAssemblerByteByByte() throws {
        let vectors = try VectorFile.load().messages
        let collector = Collector()
        let assembler = make(collector)
        try feed(vectors.flatMap(\.bytes), to: assembler) { 1 }
        #expect(collector.frames == vectors.map { Array($0.bytes.dropFirst(4)) })
    }
}
