import Glibc
import Synchronization

/// A few threads for calls that block. They are started when there is something to do, end when there is nothing
/// left, and are waited for by nobody: a call that hangs delays neither the loop nor the end of the program.
final class Workers<Job: Sendable>: Sendable {
    private struct State {
        var queue: [Job] = []
        var running = 0
    }

    private let state = Mutex(State())
    private let maximumThreads: Int
    private let maximumQueue: Int
    private let work: @Sendable (Job) -> Void

    /// - Parameters:
    ///   - threads: how many jobs may be done at once.
    ///   - queue: how many more may wait.
    init(threads: Int, queue: Int, work: @escaping @Sendable (Job) -> Void) {
        maximumThreads = threads
        maximumQueue = queue
        self.work = work
    }

    /// Takes a job, or does not where too many wait or no thread is to be had. Returns whether it does.
    func take(_ job: Job) -> Bool {
        let (isTaken, needsThread) = state.withLock { state in
            guard state.queue.count < maximumQueue else { return (false, false) }
            state.queue.append(job)
            guard state.running < maximumThreads else { return (true, false) }
            state.running += 1
            return (true, true)
        }
        guard needsThread, !startThread({ self.run() }) else { return isTaken }
        return state.withLock { state in
            state.running -= 1
            // Another thread will come to it. Where there is none, nobody will.
            if state.running == 0 { state.queue = [] }
            return state.running > 0
        }
    }

    private func run() {
        while let job = next() { work(job) }
    }

    private func next() -> Job? {
        state.withLock { state in
            guard state.queue.isEmpty else { return state.queue.removeFirst() }
            state.running -= 1
            return nil
        }
    }
}

/// What a thread does, as an object that a C pointer can stand for.
private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Starts a thread that nobody waits for. It blocks the signals that the calling thread blocks.
/// Returns false where the system has no more threads.
package func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
    // The new thread takes over the reference; where there is none, it is released here.
    let reference = unsafe Unmanaged.passRetained(ThreadBody(body))
    var thread = pthread_t()
    let status = unsafe pthread_create(
        &thread, nil,
        { reference in
            guard let reference = unsafe reference else { return nil }
            unsafe Unmanaged<ThreadBody>.fromOpaque(reference).takeRetainedValue().run()
            return nil
        }, reference.toOpaque())
    guard status == 0 else {
        unsafe reference.release()
        return false
    }
    pthread_detach(thread)
    return true
}
