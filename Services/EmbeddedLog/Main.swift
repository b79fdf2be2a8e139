import Glibc
import Switchboard

@main
struct Main {
    private static let failureExitCode: Int32 = 1

    static func main() {
        Shutdown.holdSignals()
        var options = Options()
        let configuration = Configuration(&options)
        options.finish()
        let log = Log(service: "embedded-log", level: configuration.logLevel)
        do {
            try run(configuration, log)
        } catch {
            log.error("cannot start", ["cause": "\(error)"])
            exit(failureExitCode)
        }
    }

    private static func run(_ configuration: Configuration, _ log: Log) throws(SystemFailure) {
        Folder.raiseDescriptorLimit()
        try makeLasting(configuration.data)
        guard try Folder.claim("\(configuration.data)/lock") else {
            log.error("another broker uses the data folder", ["data": configuration.data])
            exit(failureExitCode)
        }
        let loop = EventLoop(name: "log")
        let disk = EventLoop(name: "log-disk")
        let broker = try Broker(configuration, loop: loop, disk: disk, log: log) { failure in
            log.error("the disk did not keep what it was given", ["cause": failure])
            exit(failureExitCode)
        }
        disk.start()
        try broker.listen(host: configuration.listen.host, port: configuration.listen.port)
        let port = broker.listener?.port ?? 0
        do {
            try Folder.replace("\(configuration.data)/port", with: Array("\(port)\n".utf8))
        } catch  where error.isDiskFull {
            log.warning("the port is not told by its file: no room", ["cause": error])
        }
        broker.spare.take()

        let shutdown = Shutdown(loop: loop, log: log, health: Health())
        shutdown.step("connections") { done in
            broker.close()
            done()
        }
        shutdown.step("disk") { done in broker.syncer.flush(done) }
        shutdown.listen()
        log.notice(
            "ready",
            [
                "listen": TCPAddress.text(host: configuration.listen.host, port: port), "data": configuration.data,
                "topics": broker.topics.all.count, "partitions": broker.topics.partitionCount,
            ])
        loop.run()
    }

    /// Makes the folder where it is missing, and those above it. Their names are on the disk when it returns: else a loss
    /// of power could take a name, and with it all that is in the folder.
    private static func makeLasting(_ path: String) throws(SystemFailure) {
        let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        if Folder.exists(path) {
            // A process before this one may have made it and ended at once. Not every folder above lets itself be read.
            try? Folder.sync(parent)
            return
        }
        try makeLasting(parent)
        try Folder.make(path)
        try Folder.sync(parent)
    }
}
