// SPDX-License-Identifier: Apache-2.0
import Rounds

/// Whether two messages say the same.
func isSame(_ left: AgentMessage?, _ right: AgentMessage?) -> Bool {
    switch (left, right) {
    case (.hello(let left), .hello(let right)): left == right
    case (.heartbeat, .heartbeat): true
    case (.blobRequest(let left), .blobRequest(let right)): left == right
    case (.progress(let left), .progress(let right)): left == right
    case (.offer(let left), .offer(let right)): left == right
    case (.chunk(let left), .chunk(let right)): isSame(left, right)
    case (.evaluation(let left), .evaluation(let right)): left == right
    case (.taskFailed(let left), .taskFailed(let right)): left == right
    case (.goodbye(let left), .goodbye(let right)): left == right
    case (.operatorRequest(let left), .operatorRequest(let right)): left == right
    case (.streamReport(let left), .streamReport(let right)): left == right
    case (.sampleOffer(let left), .sampleOffer(let right)): left == right
    case (nil, nil): true
    default: false
    }
}

/// Whether two messages say the same.
func isSame(_ left: CoordinatorMessage?, _ right: CoordinatorMessage?) -> Bool {
    switch (left, right) {
    case (.welcome(let left), .welcome(let right)): left == right
    case (.heartbeat, .heartbeat): true
    case (.train(let left), .train(let right)): left == right
    case (.evaluate(let left), .evaluate(let right)): left == right
    case (.chunk(let left), .chunk(let right)): isSame(left, right)
    case (.uploadRequest(let left), .uploadRequest(let right)): left == right
    case (.verdict(let left), .verdict(let right)): left == right
    case (.roundCommitted(let left), .roundCommitted(let right)): left == right
    case (.cancel(let left), .cancel(let right)): left == right
    case (.goodbye(let left), .goodbye(let right)): left == right
    case (.operatorReply(let left), .operatorReply(let right)): left == right
    case (.stream(let left), .stream(let right)): left == right
    case (.sampleRequest(let left), .sampleRequest(let right)): left == right
    case (.sampleVerdict(let left), .sampleVerdict(let right)): left == right
    case (.adaptation(let left), .adaptation(let right)): left == right
    case (.streamEnd(let left), .streamEnd(let right)): left == right
    case (.samplesPurged(let left), .samplesPurged(let right)): left == right
    case (nil, nil): true
    default: false
    }
}

private func isSame(_ left: BlobChunk, _ right: BlobChunk) -> Bool {
    left.transfer == right.transfer && left.offset == right.offset && left.data.array == right.data.array
}

extension CoordinatorMessage {
    /// What both sides send, as a coordinator's message; nil for what only agents send.
    init?(sharedWith message: AgentMessage) {
        switch message {
        case .heartbeat: self = .heartbeat
        case .goodbye(let goodbye): self = .goodbye(goodbye)
        case .chunk(let chunk): self = .chunk(chunk)
        default: return nil
        }
    }
}
