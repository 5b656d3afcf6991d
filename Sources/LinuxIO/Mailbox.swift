import Synchronization

/// What other threads have for the loop. It wakes the loop, and never waits for it.
final class Mailbox<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])
    /// Readable where there may be messages.
    let signal: Descriptor

    init() throws(SystemError) { signal = try Descriptor.wakeUp() }

    /// Leaves a message, from any thread.
    func put(_ message: Message) {
        messages.withLock { $0.append(message) }
        signal.wake()
    }

    /// All messages in the order in which they were left.
    func take() -> [Message] {
        signal.drain()
        return messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }
}
