// SPDX-License-Identifier: Apache-2.0

/// Finds functions by indentation: formatted code closes a function with a brace as far in as its beginning.
enum FunctionScanner {
    struct Function {
        let line: Int
        let lineCount: Int
    }

    static func functions(in lines: [String]) -> [Function] {
        var found: [Function] = []
        for (number, line) in lines.enumerated() where isFunction(line) {
            let indentation = line.prefix { $0 == " " }
            let end = lines.dropFirst(number + 1).firstIndex { $0.hasPrefix("\(indentation)}") }
            let next = lines.dropFirst(number + 1).firstIndex {
                isFunction($0) && $0.prefix { $0 == " " } == indentation
            }
            guard let end, end < next ?? Int.max else { continue }
            found.append(Function(line: number + 1, lineCount: end - number + 1))
        }
        return found
    }

    private static func isFunction(_ line: String) -> Bool {
        let code = line.drop { $0 == " " }
        let isOneLine = code.contains("{") && code.hasSuffix("}")
        guard !code.hasPrefix("//"), !isOneLine else { return false }
        return code.contains("func ") || code.hasPrefix("init(") || code.contains(" init(")
    }
}
