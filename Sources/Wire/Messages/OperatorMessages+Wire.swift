// SPDX-License-Identifier: Apache-2.0
internal import CMessages
internal import CProtobufC
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
        case TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_PURGE:
            let purge = message.purge.pointee
            self = .purge(
                try FieldReader.agent(purge.agent, "purge.agent"),
                purge.job == 0 ? nil : try FieldReader.job(purge.job, "purge.job")
            )
        case TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_HOLDINGS:
            let agent = message.holdings.pointee.agent
            self = .holdings(agent.len == 0 ? nil : try FieldReader.agent(agent, "holdings.agent"))
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
        case .purge(let agent, let job):
            let purge = try writer.make(tributary__v1__operator_request__purge__init)
            purge.pointee.agent = try writer.text(agent.name, "purge.agent")
            if let job { purge.pointee.job = try FieldReader.job(job.number, "purge.job").number }
            message.pointee.purge = purge
            message.pointee.request_case = TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_PURGE
        case .holdings(let agent):
            let holdings = try writer.make(tributary__v1__operator_request__holdings__init)
            if let agent { holdings.pointee.agent = try writer.text(agent.name, "holdings.agent") }
            message.pointee.holdings = holdings
            message.pointee.request_case = TRIBUTARY__V1__OPERATOR_REQUEST__REQUEST_HOLDINGS
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
        case TRIBUTARY__V1__OPERATOR_REPLY__REPLY_SAMPLES:
            let samples = message.samples.pointee
            let limit = WireLimits.listedJobs
            self = .samples(
                try FieldReader.list(samples.holdings, count: samples.n_holdings, "samples.holdings", limit: limit) {
                    holding throws(WireError) in try SampleHolding(reading: holding.pointee)
                },
                try FieldReader.list(samples.receipts, count: samples.n_receipts, "samples.receipts", limit: limit) {
                    receipt throws(WireError) in try PurgeReceipt(reading: receipt.pointee)
                }
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
        case .samples(let holdings, let receipts):
            let samples = try writer.make(tributary__v1__operator_reply__samples__init)
            samples.pointee.holdings = try writer.list(holdings, "samples.holdings", limit: WireLimits.listedJobs) {
                holding throws(WireError) in try holding.write(writer)
            }
            samples.pointee.n_holdings = holdings.count
            samples.pointee.receipts = try writer.list(receipts, "samples.receipts", limit: WireLimits.listedJobs) {
                receipt throws(WireError) in try receipt.write(writer)
            }
            samples.pointee.n_receipts = receipts.count
            message.pointee.samples = samples
            message.pointee.reply_case = TRIBUTARY__V1__OPERATOR_REPLY__REPLY_SAMPLES
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
