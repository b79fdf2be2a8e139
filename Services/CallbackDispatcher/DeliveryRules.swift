import Switchboard

/// How long a webhook is tried, waited for and held.
struct DeliveryRules {
    var schedule = RetrySchedule(waits: RetrySchedule.waitsDefault, first: nil)
    /// From the first byte sent to the last of the answer.
    var answerWithin: Duration = .seconds(15)
    /// An event waits so long for the one of its subject before it, counted from the first failure of that one.
    var orderHeld: Duration = .seconds(300)
    /// An endpoint that has answered nothing with 2xx for so long is disabled.
    var disabledAfter: Duration = .seconds(5 * 86_400)
    /// Events held for one endpoint and partition, of as many subjects at most; beyond it the cursor stops.
    var heldMax = 10_000
}
