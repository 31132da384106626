// SPDX-License-Identifier: Apache-2.0

internal import Rounds

/// The first 8 KiB of an outbox file: the offer of the update whose bytes follow.
///
/// Little-endian words: "TRIBOUT2", check of the rest of the header, job, round, attempt, digest (2), bytes, weight,
/// steps, trained samples, loss, seconds and attoseconds of the training time, initial loss (not a number: none),
/// length of the agent's name, length of the codec; then the two texts. Zeros up to 8 KiB, but for the last two words
/// where there is an uncertainty: 1, and the uncertainty. The check is FNV-1a with 64 bits.
enum OutboxHeader {
    static let byteCount = 8_192
    private static let magic: UInt64 = 0x3254_554f_4249_5254
    private static let wordCount = 17
    /// Behind the longest texts.
    private static let scorePlace = byteCount - 16

    static func encode(_ offer: UpdateOffer) throws(LedgerError) -> [UInt8] {
        let time = offer.trainingTime.components
        let agent = Array(offer.key.agent.name.utf8)
        let codec = Array(offer.codec.utf8)
        guard codec.count <= Limits.textBytes else {
            throw LedgerError(.outOfOrder, "the codec of \(offer.key) has a name of \(codec.count) bytes")
        }
        let words: [UInt64] = [
            magic, 0, offer.key.job.number, UInt64(offer.key.round.value), UInt64(offer.key.attempt), offer.digest.high,
            offer.digest.low, UInt64(offer.byteCount), offer.weight.bitPattern, offer.steps, offer.trainedSamples,
            offer.loss.bitPattern, UInt64(bitPattern: time.seconds), UInt64(bitPattern: time.attoseconds),
            (offer.initialLoss ?? .nan).bitPattern, UInt64(agent.count), UInt64(codec.count),
        ]
        var bytes = words.flatMap(littleEndian) + agent + codec
        bytes += repeatElement(0, count: byteCount - bytes.count)
        if let uncertainty = offer.uncertainty {
            bytes.replaceSubrange(scorePlace..., with: littleEndian(1) + littleEndian(uncertainty.bitPattern))
        }
        bytes.replaceSubrange(8..<16, with: littleEndian(checksum(bytes[16...])))
        return bytes
    }

    /// Reads a header; nil where it is damaged or none.
    static func decode(_ bytes: [UInt8]) -> UpdateOffer? {
        guard bytes.count == byteCount else { return nil }
        let places = (0..<wordCount).map { $0 * 8 } + [scorePlace, scorePlace + 8]
        let words = bytes.withUnsafeBytes { raw in
            places.map { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: $0, as: UInt64.self)) }
        }
        let texts = bytes[(wordCount * 8)...]
        guard words[0] == magic, words[1] == checksum(bytes[16...]), words[15] <= UInt64(AgentID.maximumBytes),
            words[16] <= UInt64(Limits.textBytes), let total = Int(exactly: words[7]),
            let round = UInt32(exactly: words[3]), let attempt = UInt32(exactly: words[4]),
            let agent = AgentID(String(decoding: texts.prefix(Int(words[15])), as: UTF8.self)),
            let codec = String(validating: texts.dropFirst(Int(words[15])).prefix(Int(words[16])), as: UTF8.self)
        else { return nil }
        let key = UpdateKey(job: JobID(words[2]), round: RoundNumber(round), attempt: attempt, agent: agent)
        let time = Duration(
            secondsComponent: Int64(bitPattern: words[12]),
            attosecondsComponent: Int64(bitPattern: words[13])
        )
        return UpdateOffer(
            key: key,
            digest: BlobDigest(high: words[5], low: words[6]),
            byteCount: total,
            codec: codec,
            weight: Double(bitPattern: words[8]),
            steps: words[9],
            trainedSamples: words[10],
            loss: Double(bitPattern: words[11]),
            trainingTime: time,
            initialLoss: Double(bitPattern: words[14]).isNaN ? nil : Double(bitPattern: words[14]),
            uncertainty: words[wordCount] == 1 ? Double(bitPattern: words[wordCount + 1]) : nil
        )
    }

    private static func littleEndian(_ word: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
