import CIsolation
import Dispatch
import Synchronization
import VPNLinuxIO

/// A network namespace that belongs to one thread, which runs what is to happen in it. It is gone with this object.
final class Namespace: Sendable {
    /// What the thread shares with others, so that it does not keep the namespace itself.
    private final class Queue: Sendable {
        let jobs = Mutex<[@Sendable () -> Void]>([])
        let available = DispatchSemaphore(value: 0)
        let isOver = Mutex(false)

        func put(_ job: @escaping @Sendable () -> Void) {
            jobs.withLock { $0.append(job) }
            available.signal()
        }

        func run() {
            while !isOver.withLock({ $0 }) {
                available.wait()
                let next = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                next?()
            }
        }
    }

    private let queue = Queue()
    /// For `ip link set DEVICE netns NUMBER`.
    let number: Int32

    init() throws {
        let queue = queue
        detach { queue.run() }
        number = try Self.run(on: queue) {
            let status = enter_new_network_namespace()
            guard status == 0 else { throw TestFailure("no network namespace: \(SystemError.reason(-status))") }
            try shell("ip link set lo up")
            return thread_number()
        }
    }

    deinit {
        let queue = queue
        queue.put { queue.isOver.withLock { $0 = true } }
    }

    /// Runs `body` in the namespace and waits for it.
    func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
        try Self.run(on: queue, body)
    }

    private static func run<Result: Sendable>(
        on queue: Queue, _ body: @escaping @Sendable () throws -> Result
    ) throws -> Result {
        let job = Job(body)
        queue.put { job.run() }
        return try job.wait()
    }

    private final class Job<Result: Sendable>: Sendable {
        private let body: @Sendable () throws -> Result
        private let done = DispatchSemaphore(value: 0)
        private let result = Mutex<Swift.Result<Result, any Error>?>(nil)

        init(_ body: @escaping @Sendable () throws -> Result) { self.body = body }

        func run() {
            let value = Swift.Result { try body() }
            result.withLock { $0 = value }
            done.signal()
        }

        func wait() throws -> Result {
            done.wait()
            guard let value = result.withLock({ $0 }) else { throw TestFailure("a job got lost") }
            return try value.get()
        }
    }
}
