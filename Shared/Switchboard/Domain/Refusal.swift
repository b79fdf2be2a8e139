/// The domain says no. The words here become the published numbers in `Contracts/Codes`.
package struct Refusal: Error, Hashable, Sendable {
    package enum Reason: String, Hashable, Sendable, CaseIterable {
        case malformed
        case unconnected
        case insideAnotherCall
        case notInside
        case mediaTypeNotPossible
        case notVideoCall
        case callingOff
        case badCallees
        case unknownCall
        case transactionOver
        case unknownUser
        case singleCallWithSeveral
        case tooLate
        case insideAnotherRoom
        case full
        case notAllowed
        case roomOfAnotherKind
        case receiverReconnecting
        case developmentFull
        case tokenInvalid
        case replacedByLogin
        case tooFast
        case tryAgain
    }

    package var reason: Reason
    /// Which field was wrong, for `malformed`.
    package var field: String?
    /// The call the device is inside, for `insideAnotherCall`.
    package var call: CallID?
    /// The room the user is in and the device that sits there, for `insideAnotherRoom`.
    package var room: RoomID?
    package var device: DeviceID?
    /// Why what was asked about is over already, for `tooLate`; or 1114's case for `insideAnotherCall`.
    package var end: EndReason?
    /// Who asked, where the answer shows the call as this user sees it.
    package var asking: UserID?
    /// The callees that were wrong, for `badCallees`.
    package var users: [UserID] = []
    package var capacity: Int?
    package var count: Int?

    package init(_ reason: Reason, field: String? = nil) {
        self.reason = reason
        self.field = field
    }
}
