// SPDX-License-Identifier: Apache-2.0

import ModelState

/// The tasks that an agent has, one of them under way, and the model that is being loaded for it.
struct TaskQueue: Sendable {
    enum Work: Sendable {
        case train(TrainTask)
        case evaluate(EvaluateTask)
        case stream(StreamTask)

        var base: ModelReference {
            switch self {
            case .train(let task): task.base
            case .evaluate(let task): task.base
            case .stream(let task): task.base
            }
        }

        var layout: TensorLayout {
            switch self {
            case .train(let task): task.layout
            case .evaluate(let task): task.layout
            case .stream(let task): task.layout
            }
        }
    }

    /// A model on its way to this agent, part by part.
    struct Download: Sendable {
        let model: ModelReference
        let layout: TensorLayout
        /// The part under way.
        var position: Int
        /// The number of the request under way; nil while the agent is offline or the model is being checked.
        var transfer: UInt64?
        var heldBytes = 0
        /// How often all bytes were there and damaged.
        var damages = 0

        var part: ModelReference.Part { model.parts[position] }
        /// The parts up to the one under way, as a model of their own.
        var through: ModelReference { ModelReference(part, after: Array(model.parts[..<position])) }
    }

    private(set) var waiting: [Work] = []
    private(set) var current: Work?
    /// Whether the current task runs; before that its model is being loaded.
    private(set) var isRunning = false
    /// The model that is loaded and checked, perhaps an earlier one of the chain that is being loaded.
    private(set) var heldModel: ModelReference?
    var download: Download?
    private var lastTransfer: UInt64 = 0

    /// The training task that runs.
    var runningKey: UpdateKey? {
        if isRunning, case .train(let task) = current { task.key } else { nil }
    }

    /// The training task that runs or whose model is being loaded.
    var currentKey: UpdateKey? {
        if case .train(let task) = current { task.key } else { nil }
    }

    /// Whether an evaluation of the same model waits or is under way.
    func contains(_ evaluation: EvaluateTask) -> Bool {
        ([current].compactMap { $0 } + waiting).contains {
            if case .evaluate(let task) = $0 { task == evaluation } else { false }
        }
    }

    /// Whether this training task, from the same model, waits or is under way.
    func contains(_ wanted: TrainTask) -> Bool {
        ([current].compactMap { $0 } + waiting).contains {
            if case .train(let task) = $0 { task.key == wanted.key && task.base == wanted.base } else { false }
        }
    }

    /// Adds a training task; those that wait are out of date then.
    mutating func add(_ task: TrainTask) {
        waiting.removeAll { if case .train = $0 { true } else { false } }
        waiting.append(.train(task))
    }

    /// Adds an evaluation; those of older models that wait are out of date then.
    mutating func add(_ task: EvaluateTask) {
        waiting.removeAll { if case .evaluate = $0 { true } else { false } }
        waiting.append(.evaluate(task))
    }

    /// Adds a stream, which begins once its model is loaded.
    mutating func add(_ task: StreamTask) {
        waiting.append(.stream(task))
    }

    /// Takes a stream's task out.
    mutating func removeStream(_ job: JobID) {
        waiting.removeAll { if case .stream(let task) = $0 { task.job == job } else { false } }
        guard case .stream(let task) = current, task.job == job else { return }
        current = nil
        isRunning = false
    }

    /// Takes a training task out; gives true if it was running.
    mutating func remove(_ key: UpdateKey) -> Bool {
        waiting.removeAll { if case .train(let task) = $0 { task.key == key } else { false } }
        guard case .train(let task) = current, task.key == key else { return false }
        let wasRunning = isRunning
        current = nil
        isRunning = false
        return wasRunning
    }

    mutating func finishEvaluation(_ job: JobID, _ round: RoundNumber) {
        guard case .evaluate(let task) = current, task.job == job, task.base.round == round else { return }
        current = nil
        isRunning = false
    }

    /// The next thing to do, if nothing is under way that has to end first.
    mutating func next() -> Work? {
        if current == nil, !waiting.isEmpty { current = waiting.removeFirst() }
        guard !isRunning else { return nil }
        return current
    }

    mutating func run() {
        isRunning = true
    }

    /// Begins or continues to load a model; gives the request, or nil when all bytes are here and wait for their check.
    mutating func load(_ model: ModelReference, _ layout: TensorLayout) -> BlobRequest? {
        if download?.model != model {
            let position = model.partCount(heldBy: heldModel)
            if position == 0 { heldModel = nil }
            // What another chain is being loaded for may be a part of this one.
            if let under = download, under.position == position, position < model.parts.count,
                under.part == model.parts[position]
            {
                download = Download(
                    model: model,
                    layout: layout,
                    position: position,
                    transfer: under.transfer,
                    heldBytes: under.heldBytes,
                    damages: under.damages
                )
            } else {
                download = Download(model: model, layout: layout, position: position)
            }
        }
        guard let download, download.transfer == nil, download.heldBytes < download.part.byteCount else { return nil }
        lastTransfer += 1
        self.download?.transfer = lastTransfer
        return BlobRequest(transfer: lastTransfer, digest: download.part.digest, offset: download.heldBytes)
    }

    mutating func interruptDownload() {
        download?.transfer = nil
    }

    /// The part under way was checked and added to what is held.
    mutating func partIsHeld() {
        guard let finished = download else { return }
        heldModel = finished.through
        let isWhole = finished.position + 1 == finished.model.parts.count
        download =
            isWhole
            ? nil : Download(model: finished.model, layout: finished.layout, position: finished.position + 1)
    }

    /// The part under way came damaged: the whole chain is loaded again.
    mutating func loadAgain() {
        guard let damaged = download else { return }
        heldModel = nil
        download = Download(model: damaged.model, layout: damaged.layout, position: 0, damages: damaged.damages + 1)
    }

    /// Gives up the model that is being loaded, and the task that waits for it.
    mutating func abandonDownload() {
        guard let model = download?.model else { return }
        download = nil
        guard !isRunning, current?.base == model else { return }
        current = nil
    }
}
