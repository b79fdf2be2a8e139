/// The published numbers, once. Inside Domain all of these are words.

extension CallType {
    package var code: Int {
        switch self {
        case .single: 0
        case .multi: 1
        }
    }

    package init?(code: Int) {
        guard let match = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = match
    }
}

extension MediaType {
    package var code: Int {
        switch self {
        case .audio: 0
        case .video: 1
        }
    }

    package init?(code: Int) {
        guard let match = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = match
    }
}

extension UserState {
    package var code: Int {
        switch self {
        case .idle: 0
        case .calling: 100
        case .invited: 101
        case .ringing: 102
        case .busyRinging: 103
        case .busyWaiting: 104
        case .connecting: 200
        case .onCall: 300
        case .onPhone: 301
        case .ended: 1000
        case .noAnswer: 1001
        case .missed: 1002
        case .cancelled: 1003
        case .declined: 1004
        case .error: 2000
        }
    }

    package init?(code: Int) {
        guard let match = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = match
    }
}

extension EndReason {
    package var code: Int {
        switch self {
        case .busyRinging: 103
        case .busyWaiting: 104
        case .onPhone: 301
        case .onPhoneEnd: 302
        case .deviceDisabled: 303
        case .deviceEnabled: 304
        case .abnormal: 999
        case .ended: 1000
        case .noAnswer: 1001
        case .missed: 1002
        case .cancelled: 1003
        case .declined: 1004
        case .otherDeviceCalling: 1010
        case .acceptedByOtherDevice: 1011
        case .joinError: 1105
        case .publishError: 1106
        case .subscribeError: 1107
        case .acceptedCarrierCall: 1108
        case .kickedByServer: 1109
        case .connectionError: 1110
        case .loggedOut: 1111
        case .otherLogin: 1112
        case .otherDeviceJoined: 1113
        case .otherDeviceInCall: 1114
        case .endedByOtherDevice: 1151
        case .remoteJoinError: 1205
        case .remotePublishError: 1206
        case .remoteSubscribeError: 1207
        case .remoteKickedByServer: 1209
        case .remoteConnectionError: 1210
        case .remoteLoggedOut: 1211
        case .remoteOtherLogin: 1212
        case .remoteOtherDeviceJoined: 1213
        case .remoteOtherDeviceInCall: 1214
        }
    }

    package init?(code: Int) {
        guard let match = Self.allCases.first(where: { $0.code == code }) else { return nil }
        self = match
    }

    /// The reasons that a client may give for its own `call.end`.
    package static let givenByClients: Set<EndReason> = [
        .busyWaiting, .onPhone, .onPhoneEnd, .deviceDisabled, .deviceEnabled,
        .joinError, .publishError, .subscribeError, .acceptedCarrierCall,
    ]
}

extension Refusal.Reason {
    package var code: Int {
        switch self {
        case .malformed: 80001
        case .unconnected: 80012
        case .insideAnotherCall: 80002
        case .notInside: 80003
        case .mediaTypeNotPossible: 80004
        case .notVideoCall: 80005
        case .callingOff: 80006
        case .badCallees: 80007
        case .unknownCall: 80008
        case .transactionOver: 80009
        case .unknownUser: 80010
        case .singleCallWithSeveral: 80011
        case .tooLate: 81001
        case .insideAnotherRoom: 81002
        case .full: 81003
        case .notAllowed: 81004
        case .roomOfAnotherKind: 81005
        case .receiverReconnecting: 81006
        case .developmentFull: 81010
        case .tokenInvalid: 31004
        case .replacedByLogin: 31010
        case .tooFast: 42900
        case .tryAgain: 50300
        }
    }

    /// What a person who debugs reads beside the number.
    package var message: String {
        switch self {
        case .malformed: "a field is missing, malformed or out of its range"
        case .unconnected: "connect first"
        case .insideAnotherCall: "this device is inside a call"
        case .notInside: "not inside"
        case .mediaTypeNotPossible: "that media type is not possible here"
        case .notVideoCall: "this is not a video call"
        case .callingOff: "calling is off here"
        case .badCallees: "the list of callees is not valid"
        case .unknownCall: "no such call or room for you"
        case .transactionOver: "that transaction is over or unknown"
        case .unknownUser: "that user is not inside"
        case .singleCallWithSeveral: "a single call has one callee"
        case .tooLate: "too late"
        case .insideAnotherRoom: "in another room"
        case .full: "full"
        case .notAllowed: "not allowed"
        case .roomOfAnotherKind: "that room is live as another kind"
        case .receiverReconnecting: "the receiver is reconnecting"
        case .developmentFull: "the development environment is full"
        case .tokenInvalid: "the token is invalid or expired"
        case .replacedByLogin: "replaced by a newer login"
        case .tooFast: "too fast"
        case .tryAgain: "try again"
        }
    }
}

/// Close codes of the WebSocket.
package enum CloseCode {
    package static let protocolError: UInt16 = 4400
    package static let token: UInt16 = 4401
    package static let banned: UInt16 = 4403
    package static let noConnectInTime: UInt16 = 4408
    package static let replaced: UInt16 = 4409
    package static let tooLarge: UInt16 = 4413
    package static let tooFast: UInt16 = 4429
    package static let serverError: UInt16 = 4500
    package static let goingAway: UInt16 = 4503
    package static let tooSlow: UInt16 = 4508
}
