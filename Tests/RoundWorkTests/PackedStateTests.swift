// SPDX-License-Identifier: Apache-2.0

import ModelState
import Rounds
import Testing

@testable import RoundWork

struct PackedStateTests {
    private func example() -> PackedState {
        var packed = PackedState()
        packed.texts = ["words": "{}", "ä": "b"]
        packed.add("state/one", ParameterVector([1, -2, 3.5]))
        packed.add("state/two", ParameterVector([]))
        packed.add("part", ByteSlice(copying: [1, 2, 3, 4, 5]))
        return packed
    }

    private func bytes(_ packed: PackedState) -> [UInt8] {
        var bytes: [UInt8] = []
        packed.write { bytes += $0 }
        return bytes
    }

    @Test func everythingComesBack() throws {
        let written = bytes(example())
        #expect(written.count == example().byteCount)
        let read = try PackedState(decoding: ByteSlice(copying: written))
        #expect(read.texts == example().texts)
        #expect(read.vectors(under: "state/") == ["one": ParameterVector([1, -2, 3.5]), "two": ParameterVector([])])
        #expect(read.bytes("part")?.array == [1, 2, 3, 4, 5])
        #expect(read.bytes("none") == nil)
        #expect(bytes(read) == written)
    }

    @Test func everyCutAndEveryChangedByteIsFound() {
        let written = bytes(example())
        for count in 0..<written.count {
            #expect(throws: PackedState.DamageError.self) {
                _ = try PackedState(decoding: ByteSlice(copying: Array(written.prefix(count))))
            }
        }
        for index in written.indices {
            var damaged = written
            damaged[index] ^= 0x40
            #expect(throws: PackedState.DamageError.self) {
                _ = try PackedState(decoding: ByteSlice(copying: damaged))
            }
        }
    }
}
