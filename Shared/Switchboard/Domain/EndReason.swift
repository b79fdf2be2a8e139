/// Why a call ended for one user, or for all; in the words of the published list. Its numbers are in `Contracts/Codes`.
package enum EndReason: String, Hashable, Sendable, CaseIterable {
    case busyRinging, busyWaiting
    case onPhone, onPhoneEnd, deviceDisabled, deviceEnabled
    case abnormal
    case ended, noAnswer, missed, cancelled, declined
    case otherDeviceCalling, acceptedByOtherDevice
    case joinError, publishError, subscribeError, acceptedCarrierCall, kickedByServer, connectionError, loggedOut
    case otherLogin, otherDeviceJoined, otherDeviceInCall, endedByOtherDevice
    case remoteJoinError, remotePublishError, remoteSubscribeError, remoteKickedByServer, remoteConnectionError
    case remoteLoggedOut, remoteOtherLogin, remoteOtherDeviceJoined, remoteOtherDeviceInCall

    /// The same cause as the other members see it.
    package var seenByOthers: EndReason {
        switch self {
        case .joinError: .remoteJoinError
        case .publishError: .remotePublishError
        case .subscribeError: .remoteSubscribeError
        case .kickedByServer: .remoteKickedByServer
        case .connectionError, .abnormal: .remoteConnectionError
        case .loggedOut: .remoteLoggedOut
        case .otherLogin: .remoteOtherLogin
        case .otherDeviceCalling, .otherDeviceJoined: .remoteOtherDeviceJoined
        case .otherDeviceInCall: .remoteOtherDeviceInCall
        case .acceptedCarrierCall, .acceptedByOtherDevice, .endedByOtherDevice, .onPhone, .onPhoneEnd: .ended
        case .deviceDisabled, .deviceEnabled: .ended
        case .missed: .noAnswer
        case .busyRinging, .busyWaiting, .ended, .noAnswer, .cancelled, .declined: self
        case .remoteJoinError, .remotePublishError, .remoteSubscribeError, .remoteKickedByServer: self
        case .remoteConnectionError, .remoteLoggedOut, .remoteOtherLogin, .remoteOtherDeviceJoined: self
        case .remoteOtherDeviceInCall: self
        }
    }
}
