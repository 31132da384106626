// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// Reads a process's memory and processor time from the system.
enum ProcessSample {
    static func read(_ process: pid_t) -> (residentKilobytes: Int, processorSeconds: Double)? {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
            let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        else { return nil }
        var resident = 0
        for line in status.split(separator: "\n") where line.hasPrefix("VmRSS:") {
            resident = Int(line.split(separator: " ").dropLast().last ?? "0") ?? 0
            if resident == 0 { resident = Int(line.filter(\.isNumber)) ?? 0 }
        }
        // After the name in parentheses: state is field 3, utime and stime are fields 14 and 15.
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return nil }
        return (resident, (user + system) / Double(sysconf(Int32(_SC_CLK_TCK))))
    }
}
