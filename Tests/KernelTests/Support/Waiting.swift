/// Something that the lab itself could not do, or that did not come about in time.
struct LabError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Asks again and again until `condition` holds.
///
/// - Returns: how long it took.
/// - Throws: an error that says what did not come about, once `timeout` has passed.
@discardableResult
func waitUntil(
    _ fact: @autoclosure () -> String, within timeout: Duration = .seconds(10),
    every pause: Duration = .milliseconds(20), _ condition: () async throws -> Bool
) async throws -> Duration {
    let clock = ContinuousClock()
    let start = clock.now
    while true {
        if try await condition() { return clock.now - start }
        guard clock.now - start < timeout else { throw LabError("not within \(timeout): \(fact())") }
        try await Task.sleep(for: pause)
    }
}

/// The value, or an error that says which one is missing.
func require<Value>(_ value: Value?, _ name: @autoclosure () -> String) throws -> Value {
    guard let value else { throw LabError("missing: \(name())") }
    return value
}

/// An error unless `fact` holds. Unlike `#require`, it makes the lab print its logs with the failure's own words.
func claim(_ fact: Bool, _ words: @autoclosure () -> String) throws {
    guard fact else { throw LabError(words()) }
}
