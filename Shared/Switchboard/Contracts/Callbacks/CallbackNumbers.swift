/// How many events of `switchboard.callbacks.v1` follow from a fact, so that an owner can write into a snapshot which
/// number its subject's last one has: a reader that begins there goes on counting.
extension CallFact {
    /// Not counting the record that follows the end.
    package func eventCount(before: Call) -> Int {
        switch self {
        case .started, .accepted, .entered, .connected, .declined, .busied, .missed, .cancelled, .left, .ended: 1
        case .ringing(let at): before.participant(at.user)?.state == .invited ? 1 : 0
        case .rung, .lost, .returned, .synced, .mediaChanged, .rejoined, .mediaReported, .startRefused,
            .endedBeforeStart:
            0
        }
    }
}

extension RoomFact {
    package var eventCount: Int {
        switch self {
        case .opened, .closed: 2
        case .joined, .left: 1
        case .refused: 0
        }
    }
}

extension UserFact {
    package func eventCount(before: User) -> Int {
        switch self {
        case .loggedIn: 1
        case .wentOffline(let gone), .loggedOut(let gone):
            before.devices.contains { $0.device.id == gone.device } ? 1 : 0
        case .ringAdded, .ringRemoved, .seated, .seatDenied, .moving, .leaving, .freed, .tokensCutOff, .absenceOver: 0
        }
    }
}

extension CallbackEvent {
    /// The number of the event at `index` among those of the record at `offset`, where they count places in the log.
    package static func sequence(at offset: Int64, _ index: Int) -> Int64 {
        offset * placesPerRecord + Int64(index) + 1
    }
}
