import Glibc

/// Something that is timed again and again, in turn with others, so that all see the same minutes of the machine.
struct Measurement {
    /// What is measured.
    let name: String
    /// The name of the measurement that this one is a multiple of.
    let reference: String
    /// How many times ``work`` does it at once.
    let count: Int
    /// What has to be done before each time, and is not timed.
    let prepare: () -> Void
    /// What is timed.
    let work: () -> Void

    init(
        _ name: String, reference: String, count: Int, prepare: @escaping () -> Void = {}, work: @escaping () -> Void
    ) {
        self.name = name
        self.reference = reference
        self.count = count
        self.prepare = prepare
        self.work = work
    }
}

/// What came out for one measurement.
struct Outcome {
    let name: String
    /// Nanoseconds of the processor for doing it once: the median of all runs.
    let nanoseconds: Double
    /// The same, by that of the reference in the same rounds.
    let ratio: Double
    let reference: String
}

extension Measurement {
    /// Runs all measurements in rounds, and gives the medians.
    static func run(_ measurements: [Measurement], rounds: Int) -> [Outcome] {
        var times = [[Double]](repeating: [], count: measurements.count)
        for round in 0..<rounds + 1 {
            for (index, measurement) in measurements.enumerated() {
                measurement.prepare()
                let start = processorNanoseconds()
                measurement.work()
                let time = Double(processorNanoseconds() - start) / Double(measurement.count)
                // The first round warms caches up.
                if round > 0 { times[index].append(time) }
            }
        }
        let medians = times.map(median)
        return measurements.enumerated().map { index, measurement in
            let reference = measurements.firstIndex { $0.name == measurement.reference } ?? index
            return Outcome(
                name: measurement.name, nanoseconds: medians[index], ratio: medians[index] / medians[reference],
                reference: measurement.reference)
        }
    }

    private static func median(_ numbers: [Double]) -> Double {
        let sorted = numbers.sorted()
        return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
    }

    /// The time that this thread has had of the processor, which passes for nobody else.
    private static func processorNanoseconds() -> UInt64 {
        var time = timespec()
        // The kernel fills what it is given.
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
