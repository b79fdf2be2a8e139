#if THREAD_SANITIZER
    internal import Glibc

    /// The threads of C11, by which librdkafka makes and joins its own, as threads of POSIX, in builds for the thread sanitizer
    /// alone: it does not know of a thread that was made by `thrd_create`, and crashes as soon as one allocates.
    private final class StandardThread {
        let body: @convention(c) (UnsafeMutableRawPointer?) -> Int32
        let argument: UnsafeMutableRawPointer?

        init(_ body: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Int32, _ argument: UnsafeMutableRawPointer?)
        {
            self.body = body
            self.argument = argument
        }
    }

    /// `thrd_success` and `thrd_error`.
    private let success: Int32 = 0
    private let error: Int32 = 2

    @c(thrd_create)
    public func createStandardThread(
        _ thread: UnsafeMutablePointer<UInt>, _ body: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Int32,
        _ argument: UnsafeMutableRawPointer?
    ) -> Int32 {
        let box = Unmanaged.passRetained(StandardThread(body, argument))
        let failed = pthread_create(
            thread, nil,
            { context in
                let thread = Unmanaged<StandardThread>.fromOpaque(context!).takeRetainedValue()
                return UnsafeMutableRawPointer(bitPattern: Int(thread.body(thread.argument)))
            }, box.toOpaque())
        if failed != 0 { box.release() }
        return failed == 0 ? success : error
    }

    @c(thrd_join)
    public func joinStandardThread(_ thread: UInt, _ result: UnsafeMutablePointer<Int32>?) -> Int32 {
        var returned: UnsafeMutableRawPointer?
        guard pthread_join(thread, &returned) == 0 else { return error }
        result?.pointee = Int32(truncatingIfNeeded: Int(bitPattern: returned))
        return success
    }
#endif
