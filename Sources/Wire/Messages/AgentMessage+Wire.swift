// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import Rounds

extension AgentMessage {
    /// Reads an unpacked frame; nil for a body that this version does not know.
    init?(reading frame: UnsafeMutablePointer<Tributary__V1__Frame>) throws(WireError) {
        let body = frame.pointee
        switch body.body_case {
        case TRIBUTARY__V1__FRAME__BODY_HEARTBEAT: self = .heartbeat
        case TRIBUTARY__V1__FRAME__BODY_GOODBYE: self = .goodbye(try Goodbye(reading: body.goodbye.pointee))
        case TRIBUTARY__V1__FRAME__BODY_CHUNK: self = .chunk(try BlobChunk(copying: body.chunk.pointee))
        case TRIBUTARY__V1__FRAME__BODY_HELLO: self = .hello(try Hello(reading: body.hello.pointee))
        case TRIBUTARY__V1__FRAME__BODY_BLOB_REQUEST:
            self = .blobRequest(try BlobRequest(reading: body.blob_request.pointee))
        case TRIBUTARY__V1__FRAME__BODY_PROGRESS: self = .progress(try TaskProgress(reading: body.progress.pointee))
        case TRIBUTARY__V1__FRAME__BODY_OFFER: self = .offer(try UpdateOffer(reading: body.offer.pointee))
        case TRIBUTARY__V1__FRAME__BODY_EVALUATION:
            self = .evaluation(try EvaluationReport(reading: body.evaluation.pointee))
        case TRIBUTARY__V1__FRAME__BODY_TASK_FAILED:
            self = .taskFailed(try TaskFailure(reading: body.task_failed.pointee))
        case TRIBUTARY__V1__FRAME__BODY_OPERATOR_REQUEST:
            self = .operatorRequest(try OperatorRequest(reading: body.operator_request.pointee))
        case TRIBUTARY__V1__FRAME__BODY_STREAM_REPORT:
            self = .streamReport(try StreamReport(reading: body.stream_report.pointee))
        case TRIBUTARY__V1__FRAME__BODY_SAMPLE_OFFER:
            self = .sampleOffer(try SampleOffer(reading: body.sample_offer.pointee))
        case TRIBUTARY__V1__FRAME__BODY__NOT_SET: return nil
        default: throw WireError(.misdirected, "message \(body.body_case.rawValue) is not sent to a coordinator")
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
        case .hello(let hello):
            frame.hello = try hello.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_HELLO
        case .blobRequest(let request):
            frame.blob_request = try request.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_BLOB_REQUEST
        case .progress(let progress):
            frame.progress = try progress.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_PROGRESS
        case .offer(let offer):
            frame.offer = try offer.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_OFFER
        case .evaluation(let report):
            frame.evaluation = try report.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_EVALUATION
        case .taskFailed(let failure):
            frame.task_failed = try failure.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_TASK_FAILED
        case .operatorRequest(let request):
            frame.operator_request = try request.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_OPERATOR_REQUEST
        case .streamReport(let report):
            frame.stream_report = try report.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_STREAM_REPORT
        case .sampleOffer(let offer):
            frame.sample_offer = try offer.write(writer)
            frame.body_case = TRIBUTARY__V1__FRAME__BODY_SAMPLE_OFFER
        }
    }
}
