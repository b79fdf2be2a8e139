/// What an engine must never do, done on purpose: each must be seen by the audit.
enum PlantedFault: String, CaseIterable {
    case performOnForeignOffset
    case performOutOfOrder
    case dropOneInTheMiddle
    case appendOutOfInboxOrder
    case refuseWithoutRecord
    case fireBeforeBacklog
    case replayIntoMirror
    case receiverWithoutMark
    case effectsWithTimeout
    case acknowledgeFirst
    case lookAgainWhenPerforming
    case foldSkipsUnknownFacts
    case flushBetweenTwoJoins
}
