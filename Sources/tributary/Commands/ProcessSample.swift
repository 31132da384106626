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

    /// The time from this process's start to an instant, in seconds, to a hundredth of one.
    static func age(at instant: ContinuousClock.Instant) -> Double? {
        guard let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8) else { return nil }
        // The start is field 22, in ticks since the machine's.
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        guard fields.count > 20, let start = Double(fields[20]) else { return nil }
        var now = timespec()
        guard clock_gettime(CLOCK_BOOTTIME, &now) == 0 else { return nil }
        let age = Double(now.tv_sec) + 1e-9 * Double(now.tv_nsec) - start / Double(sysconf(Int32(_SC_CLK_TCK)))
        return max(age - Format.number(ContinuousClock().now - instant), 0)
    }

    /// The machine's load over the last minute: above its processors, measurements say little.
    static var loadAverage: Double? {
        var load = 0.0
        return getloadavg(&load, 1) == 1 ? load : nil
    }
}
