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
    /// A gateway drops what is sent to its life before this one.
    case deafToFormerLives
    /// It announces its sockets to a new life as though they were new.
    case announceAsNewcomer
    /// Nobody asks the calls that a returning device shows.
    case forgetWhatIsShown
}
