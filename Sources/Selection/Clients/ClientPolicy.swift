// SPDX-License-Identifier: Apache-2.0

/// How the agents of a round are chosen among the candidates.
///
/// In text, as a job file has it: `uniform`, `weighted`, `power-of-choice:candidates=20`,
/// `uncertainty:exploration=0.1,cap=2`.
public enum ClientPolicy: Sendable, Hashable {
    /// Every subset is equally likely.
    case uniform
    /// Draws without replacement in proportion to the samples (A-ES; Efraimidis, Spirakis 2006).
    case weighted
    /// Draws `candidates` agents in proportion to their samples and takes those of the highest loss (Cho, Wang, Joshi
    /// 2020).
    case powerOfChoice(candidates: Int)
    /// Takes the highest products of uncertainty, samples to the power of `size`, and staleness; a share `exploration`
    /// of the cohort, rounded up, is drawn uniformly; who was selected more than `cap` times as often as the mean
    /// waits.
    case uncertainty(exploration: Double, cap: Double, size: Double = 0)

    /// The candidates drawn by `power-of-choice` unless the text says otherwise.
    public static let defaultCandidates = 20
    /// The exploration of `uncertainty` unless the text says otherwise.
    public static let defaultExploration = 0.1
    /// The cap of `uncertainty` unless the text says otherwise.
    public static let defaultCap = 2.0

    /// The names of all policies.
    public static let names = ["uniform", "weighted", "power-of-choice", "uncertainty"]
}

extension ClientPolicy: CustomStringConvertible, Codable {
    /// Reads a policy from its text.
    ///
    /// - Throws: ``SelectionError``: `unknownPolicy`, `unknownSetting` (both list the known), `invalidParameter`.
    public init(parsing text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let name = parts.first ?? ""
        let known = try Self.knownSettings(of: name)
        try self.init(named: name, settings: Self.settings(parts.count > 1 ? parts[1] : nil, of: name, known: known))
    }

    /// Makes a policy of its name and settings; settings that are left out take their defaults.
    ///
    /// - Throws: ``SelectionError``: `unknownPolicy`, `unknownSetting` (both list the known), `invalidParameter`.
    public init(named name: String, settings: [String: Double] = [:]) throws {
        let known = try Self.knownSettings(of: name)
        for key in settings.keys.sorted() where !known.contains(key) { throw Self.unknown(key, of: name, known: known) }
        switch name {
        case "uniform": self = .uniform
        case "weighted": self = .weighted
        case "power-of-choice":
            let number = settings["candidates"] ?? Double(Self.defaultCandidates)
            guard let candidates = Int(exactly: number), (1...1 << 30).contains(candidates) else {
                throw SelectionError(.invalidParameter, "\(name): 'candidates' is a whole number from 1 to \(1 << 30)")
            }
            self = .powerOfChoice(candidates: candidates)
        default:
            let exploration = settings["exploration"] ?? Self.defaultExploration
            guard (0...1).contains(exploration) else {
                throw SelectionError(.invalidParameter, "\(name): 'exploration' is a fraction from 0 to 1")
            }
            let cap = settings["cap"] ?? Self.defaultCap
            guard cap >= 1, cap.isFinite else {
                throw SelectionError(.invalidParameter, "\(name): 'cap' is a number of 1 or more")
            }
            let size = settings["size"] ?? 0
            guard (0...4).contains(size) else {
                throw SelectionError(.invalidParameter, "\(name): 'size' is a number from 0 to 4")
            }
            self = .uncertainty(exploration: exploration, cap: cap, size: size)
        }
    }

    private static func knownSettings(of name: String) throws -> [String] {
        switch name {
        case "uniform", "weighted": []
        case "power-of-choice": ["candidates"]
        case "uncertainty": ["cap", "exploration", "size"]
        default:
            throw SelectionError(
                .unknownPolicy,
                "no client selection is named '\(name.prefix(64))'; known are \(names.joined(separator: ", "))"
            )
        }
    }

    private static func unknown(_ key: String, of name: String, known: [String]) -> SelectionError {
        let list = known.isEmpty ? "none" : known.joined(separator: ", ")
        return SelectionError(.unknownSetting, "\(name) has no setting '\(key.prefix(64))'; it knows \(list)")
    }

    /// The policy's text; ``init(parsing:)`` reads it back.
    public var description: String {
        switch self {
        case .uniform: "uniform"
        case .weighted: "weighted"
        case .powerOfChoice(let candidates): "power-of-choice:candidates=\(candidates)"
        case .uncertainty(let exploration, let cap, let size):
            "uncertainty:exploration=\(exploration),cap=\(cap)" + (size == 0 ? "" : ",size=\(size)")
        }
    }

    /// Decodes the text.
    public init(from decoder: any Decoder) throws {
        try self.init(parsing: decoder.singleValueContainer().decode(String.self))
    }

    /// Encodes the text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    private static func settings(_ text: String?, of name: String, known: [String]) throws -> [String: Double] {
        guard let text else { return [:] }
        var settings: [String: Double] = [:]
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard known.contains(pair[0]) else { throw unknown(pair[0], of: name, known: known) }
            guard pair.count == 2, let value = Double(pair[1]), value.isFinite, settings[pair[0]] == nil else {
                throw SelectionError(.invalidParameter, "\(name): '\(pair[0])' needs one number, given once")
            }
            settings[pair[0]] = value
        }
        return settings
    }
}
