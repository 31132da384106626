// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import Rounds

extension CoordinatorMessage {
    /// Reads an unpacked frame; nil for a body that this version does not know.
    init?(reading frame: UnsafeMutablePointer<Tributary__V1__Frame>) throws(WireError) {
        let body = frame.pointee
        switch body.body_case {
        case TRIBUTARY__V1__FRAME__BODY_HEARTBEAT: self = .heartbeat
        case TRIBUTARY__V1__FRAME__BODY_GOODBYE: self = .goodbye(try Goodbye(reading: body.goodbye.pointee))
        case TRIBUTARY__V1__FRAME__BODY_CHUNK: self = .chunk(try BlobChunk(copying: body.chunk.pointee))
        case TRIBUTARY__V1__FRAME__BODY_WELCOME: self = .welcome(try Welcome(reading: body.welcome.pointee))
        case TRIBUTARY__V1__FRAME__BODY_TRAIN: self = .train(try TrainTask(reading: body.train.pointee))
        case TRIBUTARY__V1__FRAME__BODY_EVALUATE: self = .evaluate(try EvaluateTask(reading: body.evaluate.pointee))
        case TRIBUTARY__V1__FRAME__BODY_UPLOAD_REQUEST:
            self = .uploadRequest(try UploadRequest(reading: body.upload_request.pointee))
        case TRIBUTARY__V1__FRAME__BODY_VERDICT: self = .verdict(try UpdateVerdict(reading: body.verdict.pointee))
        case TRIBUTARY__V1__FRAME__BODY_ROUND_COMMITTED:
            self = .roundCommitted(try RoundCommitted(reading: body.round_committed.pointee))
        case TRIBUTARY__V1__FRAME__BODY_CANCEL: self = .cancel(try TaskCancellation(reading: body.cancel.pointee))
        case TRIBUTARY__V1__FRAME__BODY_OPERATOR_REPLY:
            self = .operatorReply(try OperatorReply(reading: body.operator_reply.pointee))
        case TRIBUTARY__V1__FRAME__BODY_STREAM:
            self = .stream(try StreamTask(reading: body.stream.pointee))
        case TRIBUTARY__V1__FRAME__BODY_SAMPLE_REQUEST:
            self = .sampleRequest(try SampleRequest(reading: body.sample_request.pointee))
        case TRIBUTARY__V1__FRAME__BODY_SAMPLE_VERDICT:
            self = .sampleVerdict(try SampleVerdict(reading: body.sample_verdict.pointee))
        case TRIBUTARY__V1__FRAME__BODY_ADAPTATION:
            self = .adaptation(try AdaptationPush(reading: body.adaptation.pointee))
        case TRIBUTARY__V1__FRAME__BODY_STREAM_END:
            self = .streamEnd(try StreamEnd(reading: body.stream_end.pointee))
        case TRIBUTARY__V1__FRAME__BODY_SAMPLES_PURGED:
            self = .samplesPurged(try PurgeReceipt(reading: body.samples_purged.pointee))
        case TRIBUTARY__V1__FRAME__BODY__NOT_SET: return nil
        default: throw WireError(.misdirected, "message \(body.body_case.rawValue) is not sent by a coordinator")
        }
    }

    /// Writes the message as the body of a frame; heartbeats and chunks have encoders of their own.
    func write(to frame: inout Tributary__V1__Frame, _ writer: FieldWriter) throws(WireError) {
        switch self {
        case .heartbeat, .chunk:
            preconditionFailure("heartbeats and chunks are not packed by protobuf-c")
        case .goodbye(let goodbye):
            frame.goodbye = try goodbye.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_GOODBYE
        case .welcome(let welcome):
            frame.welcome = try welcome.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_WELCOME
        case .train(let task):
            frame.train = try task.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_TRAIN
        case .evaluate(let task):
            frame.evaluate = try task.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_EVALUATE
        case .uploadRequest(let request):
            frame.upload_request = try request.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_UPLOAD_REQUEST
        case .verdict(let verdict):
            frame.verdict = try verdict.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_VERDICT
        case .roundCommitted(let round):
            frame.round_committed = try round.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_ROUND_COMMITTED
        case .cancel(let cancellation):
            frame.cancel = try cancellation.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_CANCEL
        case .operatorReply(let reply):
            frame.operator_reply = try reply.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_OPERATOR_REPLY
        case .stream(let value):
            frame.stream = try value.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_STREAM
        case .sampleRequest(let value):
            frame.sample_request = try value.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_SAMPLE_REQUEST
        case .sampleVerdict(let value):
            frame.sample_verdict = try value.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_SAMPLE_VERDICT
        case .adaptation(let value):
            frame.adaptation = try value.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_ADAPTATION
        case .streamEnd(let value):
            frame.stream_end = try value.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_STREAM_END
        case .samplesPurged(let value):
            frame.samples_purged = try value.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_SAMPLES_PURGED
        }
    }
}
