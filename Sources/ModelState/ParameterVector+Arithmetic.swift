// SPDX-License-Identifier: Apache-2.0

internal import CKernels
import Glibc

extension ParameterVector {
    /// Adds `scale` times `other` to each element.
    ///
    /// - Precondition: both vectors have the same number of elements.
    public mutating func add(_ other: ParameterVector, scale: Float = 1) {
        precondition(count == other.count, "vectors of \(count) and \(other.count) elements cannot be added")
        other.withElements { source in
            withMutableElements { target in
                guard let to = target.baseAddress, let from = source.baseAddress else { return }
                ck_axpy(to, from, scale, target.count)
            }
        }
    }

    /// Multiplies each element by `factor`.
    public mutating func scale(by factor: Float) {
        withMutableElements { elements in
            guard let base = elements.baseAddress else { return }
            ck_scale(base, factor, elements.count)
        }
    }

    /// The element-wise difference `self - other`.
    ///
    /// - Precondition: both vectors have the same number of elements.
    public func subtracting(_ other: ParameterVector) -> ParameterVector {
        precondition(count == other.count, "vectors of \(count) and \(other.count) elements cannot be subtracted")
        var difference = ParameterVector(zeros: count)
        difference.withMutableElements { out in
            withElements { left in
                other.withElements { right in
                    guard let to = out.baseAddress, let a = left.baseAddress, let b = right.baseAddress else { return }
                    ck_subtract(to, a, b, out.count)
                }
            }
        }
        return difference
    }

    /// The squared Euclidean norm, summed in double precision.
    public var squaredNorm: Double {
        withElements { elements in
            guard let base = elements.baseAddress else { return 0 }
            return ck_squared_norm(base, elements.count)
        }
    }

    /// The inner product with `other`, summed in double precision.
    ///
    /// - Precondition: both vectors have the same number of elements.
    public func dot(_ other: ParameterVector) -> Double {
        precondition(count == other.count, "vectors of \(count) and \(other.count) elements have no inner product")
        return withElements { left in
            other.withElements { right in
                guard let a = left.baseAddress, let b = right.baseAddress else { return 0 }
                return ck_dot(a, b, left.count)
            }
        }
    }

    /// Whether no element is infinite or not a number.
    public var isFinite: Bool {
        withElements { elements in
            guard let base = elements.baseAddress else { return true }
            return ck_all_finite(base, elements.count) != 0
        }
    }

    /// Whether both vectors hold the same bytes.
    func hasSameBits(as other: ParameterVector) -> Bool {
        guard count == other.count else { return false }
        return withElements { left in
            other.withElements { right in
                guard let a = left.baseAddress, let b = right.baseAddress else { return true }
                return memcmp(a, b, byteCount) == 0
            }
        }
    }
}
