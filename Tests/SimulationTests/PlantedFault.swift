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
    /// Nobody tells an owner that the mirror has lost its partition.
    case flushUnnoticed
    /// A gateway drops what is sent to its life before this one.
    case deafToFormerLives
    /// It announces its sockets to a new life as though they were new.
    case announceAsNewcomer
    /// Nobody asks the calls that a returning device shows.
    case forgetWhatIsShown

    /// What the audit says that sees this very fault; others may follow from it.
    var complaint: String {
        switch self {
        case .performOnForeignOffset, .dropOneInTheMiddle: "performed what does not count"
        case .performOutOfOrder, .effectsWithTimeout: "an effect never arrived"
        case .appendOutOfInboxOrder: "out of the order of the inbox"
        case .refuseWithoutRecord, .acknowledgeFirst: " left 0 records"
        case .fireBeforeBacklog: "the timer has beaten an accept"
        case .replayIntoMirror: "the mirror shows of"
        case .receiverWithoutMark: " twice: SourceMark"
        case .lookAgainWhenPerforming: "gateway.deliveries"
        case .foldSkipsUnknownFacts: "is not its log's"
        case .flushBetweenTwoJoins: " is inside "
        case .flushUnnoticed: "and nobody wrote it again"
        case .deafToFormerLives, .forgetWhatIsShown: "never heard its end"
        case .announceAsNewcomer: "is pushed out of its own socket"
        }
    }
}
