// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import Rounds

extension OperatorRequest {
    init(reading message: Tributary__V1__OperatorRequest) throws(WireError) {
        switch message.request_case {
        case TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_SUBMIT:
            let text = try FieldReader.text(message.submit, "submit", limit: Limits.jobFileBytes)
            self = .submit(specification: text)
        case TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_LIST: self = .list
        case TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_STATUS:
            self = .status(try FieldReader.job(message.status, "status"))
        case TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_WATCH:
            self = .watch(try FieldReader.job(message.watch, "watch"))
        case TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_CANCEL:
            self = .cancel(try FieldReader.job(message.cancel, "cancel"))
        default: throw WireError(.invalidField, "operator_request asks for nothing that this version knows")
        }
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__OperatorRequest> {
        let message = try writer.make(tributary__v1__operator_request__init)
        switch self {
        case .submit(let specification):
            message.pointee.submit = try writer.text(specification, "submit", limit: Limits.jobFileBytes)
            message.pointee.request_case = TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_SUBMIT
        case .list:
            message.pointee.list = try writer.make(tributary__v1__operator_request__list__init)
            message.pointee.request_case = TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_LIST
        case .status(let job):
            message.pointee.status = try FieldReader.job(job.number, "status").number
            message.pointee.request_case = TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_STATUS
        case .watch(let job):
            message.pointee.watch = try FieldReader.job(job.number, "watch").number
            message.pointee.request_case = TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_WATCH
        case .cancel(let job):
            message.pointee.cancel = try FieldReader.job(job.number, "cancel").number
            message.pointee.request_case = TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_CANCEL
        }
        return message
    }
}

extension OperatorReply {
    init(reading message: Tributary__V1__OperatorReply) throws(WireError) {
        switch message.reply_case {
        case TRIBUTARY__V1__OPERATOR_REPLY__REPLY_JOBS:
            let jobs = message.jobs.pointee
            self = .jobs(
                try FieldReader.list(jobs.jobs, count: jobs.n_jobs, "reply.jobs", limit: WireLimits.listedJobs) {
                    status throws(WireError) in try JobStatus(reading: status)
                }
            )
        case TRIBUTARY__V1__OPERATOR_REPLY__REPLY_EVENT: self = .event(try JobEvent(reading: message.event.pointee))
        case TRIBUTARY__V1__OPERATOR_REPLY__REPLY_REFUSED:
            let refusal = message.refused.pointee
            self = .refused(
                FieldReader.reason(refusal.reason.rawValue),
                message: try FieldReader.text(refusal.message, "refused.message")
            )
        default: throw WireError(.invalidField, "operator_reply holds nothing that this version knows")
        }
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__OperatorReply> {
        let message = try writer.make(tributary__v1__operator_reply__init)
        switch self {
        case .jobs(let jobs):
            let list = try writer.make(tributary__v1__operator_reply__jobs__init)
            list.pointee.jobs = try writer.list(jobs, "reply.jobs", limit: WireLimits.listedJobs) {
                job throws(WireError) in try job.write(writer)
            }
            list.pointee.n_jobs = jobs.count
            message.pointee.jobs = list
            message.pointee.reply_case = TRIBUTARY__V1__OPERATOR_REPLY__REPLY_JOBS
        case .event(let event):
            message.pointee.event = try event.write(writer)
            message.pointee.reply_case = TRIBUTARY__V1__OPERATOR_REPLY__REPLY_EVENT
        case .refused(let reason, let line):
            let refusal = try writer.make(tributary__v1__operator_reply__refusal__init)
            refusal.pointee.reason = Tributary__V1__ReasonCode(rawValue: reason.rawValue)
            refusal.pointee.message = try writer.remark(line)
            message.pointee.refused = refusal
            message.pointee.reply_case = TRIBUTARY__V1__OPERATOR_REPLY__REPLY_REFUSED
        }
        return message
    }
}

extension JobEvent {
    init(reading message: Tributary__V1__JobEvent) throws(WireError) {
        guard let kind = Kind(rawValue: message.kind.rawValue) else {
            throw WireError(.invalidField, "event.kind is \(message.kind.rawValue), which is no kind of event")
        }
        self.init(
            kind: kind,
            status: try JobStatus(reading: message.status),
            message: try FieldReader.text(message.message, "event.message")
        )
    }

    func write(_ writer: FieldWriter) throws(WireError) -> UnsafeMutablePointer<Tributary__V1__JobEvent> {
        let message = try writer.make(tributary__v1__job_event__init)
        message.pointee.kind = Tributary__V1__JobEventKind(rawValue: kind.rawValue)
        message.pointee.status = try status.write(writer)
        message.pointee.message = try writer.remark(self.message)
        return message
    }
}
