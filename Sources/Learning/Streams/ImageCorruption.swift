// SPDX-License-Identifier: Apache-2.0

/// A way in which images get worse, procedural and in five strengths (after the benchmark of Hendrycks, Dietterich
/// 2019; the strengths are our own, chosen for small grey images).
public enum ImageCorruption: String, Sendable, Hashable, CaseIterable, Codable {
    /// Normal noise on every pixel: a dark room's sensor.
    case gaussianNoise = "gaussian-noise"
    /// Poisson noise: few photons.
    case shotNoise = "shot-noise"
    /// Pixels that turn black or white.
    case impulseNoise = "impulse-noise"
    /// A Gaussian blur.
    case gaussianBlur = "gaussian-blur"
    /// A blur along a line of an arbitrary direction.
    case motionBlur = "motion-blur"
    /// Everything brighter.
    case brightness
    /// Everything closer to the image's mean.
    case contrast
    /// A veil of plasma (midpoint displacement).
    case fog
    /// Blocks of one value.
    case pixelate
    /// The quantisation of 8 x 8 blocks of cosine coefficients that JPEG does.
    case jpeg
    /// A turn to the left about the centre.
    case rotation
    /// Smooth local displacements.
    case elastic
    /// A grey rectangle somewhere.
    case occlusion

    /// The strengths.
    public static let strengths = 1...5

    /// Finds a corruption by its text.
    ///
    /// - Throws: ``LearningError`` with code `invalidSpecification`; the message lists the known.
    public init(parsing text: String) throws {
        guard let corruption = ImageCorruption(rawValue: text) else {
            let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw LearningError(
                .invalidSpecification,
                "no corruption is named '\(text.prefix(64))'; known are \(known)"
            )
        }
        self = corruption
    }

    /// The number that a strength stands for.
    func amount(_ strength: Int) -> Float {
        let amounts: [Float] =
            switch self {
            case .gaussianNoise: [0.08, 0.14, 0.22, 0.32, 0.45]  // deviation
            case .shotNoise: [60, 25, 12, 6, 3]  // photons of a white pixel
            case .impulseNoise: [0.03, 0.07, 0.14, 0.22, 0.32]  // share of pixels
            case .gaussianBlur: [0.6, 0.9, 1.3, 1.8, 2.5]  // deviation in pixels of an image 28 wide
            case .motionBlur: [3, 5, 7, 9, 12]  // length in pixels of an image 28 wide
            case .brightness: [0.1, 0.2, 0.3, 0.42, 0.55]  // added
            case .contrast: [0.6, 0.45, 0.3, 0.2, 0.12]  // factor
            case .fog: [0.3, 0.5, 0.75, 1.1, 1.6]  // weight of the veil
            case .pixelate: [1.4, 1.8, 2.4, 3.2, 4.2]  // block side in pixels of an image 28 wide
            case .jpeg: [25, 15, 9, 5, 3]  // quality
            case .rotation: [10, 20, 32, 45, 65]  // degrees
            case .elastic: [1, 1.6, 2.3, 3.1, 4]  // displacement in pixels of an image 28 wide
            case .occlusion: [0.25, 0.33, 0.42, 0.5, 0.6]  // side of the rectangle, of the image's
            }
        return amounts[strength - 1]
    }
}
