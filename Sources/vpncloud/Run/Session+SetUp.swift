import Glibc
import Logging
import VPNLinuxIO
import VPNNode
import VPNProtocol

// The steps of a session's start.
extension Session {
    /// The account to continue as, which must be able to write what it will have to write; nil to stay as it is.
    func account() throws -> Account? {
        guard plan.user != nil || plan.group != nil else { return nil }
        let account: Account
        do {
            account = try Account(user: plan.user, group: plan.group)
        } catch {
            throw Failure.usage("\(error)")
        }
        try account.tryOut()
        if let path = plan.logFile, try !account.canWrite(path) {
            throw Failure.usage(
                "\(account.description) cannot write the log file '\(path)'; make it beforehand and give it to that account"
            )
        }
        if let path = plan.statsFile, try !account.canReplace(path) {
            throw Failure.usage(
                "\(account.description) cannot replace the statistics file '\(path)'; put it into a directory of that account"
            )
        }
        return account
    }

    /// Keeps the signals that end a node until the node takes them, so that none of them ends the program half-way,
    /// be it at the start or at the end. A reader of the log that goes away is no reason to end either, nor is a file that
    /// would become longer than the system allows.
    func blockSignals() {
        // The set is made here, and only numbers of signals are put into it.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGQUIT, SIGHUP] { unsafe sigaddset(&signals, number) }
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
        _ = signal(SIGPIPE, SIG_IGN)
        _ = signal(SIGXFSZ, SIG_IGN)
    }

    /// Opens the log file with the rights that the node will have, so that it can be opened again the next time.
    func openLog(as account: Account?) throws {
        guard let path = plan.logFile else { return }
        do {
            guard let account else { return try output.open(file: path) }
            try account.withRightsToFiles { try output.open(file: path) }
        } catch {
            throw Failure.runTime("cannot open the log file '\(path)': \(error)")
        }
    }

    /// The file for the id of the background process, opened with the rights of the caller.
    func pidFile() throws -> PIDFile? {
        guard let path = plan.pidFile else { return nil }
        guard isDaemon else {
            log.info("no pid file is written, since that is for the background (--daemon) only")
            return nil
        }
        return try PIDFile(path)
    }

    /// Refuses to put statistics in the place of a device, a folder or a link.
    func checkStatisticsPath() throws(Failure) {
        guard let path = plan.statsFile, FileBytes.isOtherThanFile(path) else { return }
        throw .usage("the statistics file '\(path)' is no ordinary file; name one that can be replaced")
    }

    /// Finds out whether the statistics file can be written, with the rights that it will be written with.
    func tryStatistics() throws(Failure) {
        guard let path = plan.statsFile else { return }
        do throws(FileError) {
            try StatisticsFile(path).tryOut()
        } catch {
            throw .runTime("cannot write the statistics file '\(path)': \(error)")
        }
    }

    /// Says in the first process what became of the second one.
    func tell(_ word: Background.Word) throws {
        switch word {
        case .ready(let process): log.info("running in the background as process \(process)")
        case .failed(let reason):
            throw Failure(lines: reason.split(separator: "\n").map(String.init), status: 1)
        case .ended(let outcome): throw Failure.runTime("the background process \(outcome) before it was ready")
        }
    }

    /// 32 random bytes of the system.
    static func seed() -> Seed {
        var random = SystemRandomNumberGenerator()
        return Seed(random.next(), random.next(), random.next(), random.next())
    }
}

extension RunPlan.Surroundings {
    /// Those of this process. The variable of the key is taken out of the environment, so that no command inherits it.
    static func system() -> Self {
        // The text ends with a zero byte, and is copied before the variable goes.
        let variable = unsafe getenv(sharedKeyVariable).map { unsafe String(cString: $0) }
        unsafe unsetenv(sharedKeyVariable)
        return Self(
            keyVariable: variable,
            readKeyFile: { path throws(FileError) in try FileBytes.read(path, atMost: KeyFile.maximumBytes) },
            isReadableByOthers: FileBytes.isReadableByOthers, isAvailable: \.isAvailable,
            providerFault: { CryptoProvider.ipsecMBFault })
    }
}
