/// A text that must not be seen: it prints as dots wherever it is printed, logged, dumped or interpolated.
package struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let text: String

    package init(_ text: String) { self.text = text }

    /// For the one who uses it; never to be printed.
    package func reveal() -> String { text }

    /// In a time that does not depend on where the texts differ.
    package static func == (a: Secret, b: Secret) -> Bool {
        isEqualInConstantTime(Array(a.text.utf8), Array(b.text.utf8))
    }

    package var isEmpty: Bool { text.isEmpty }
    package var description: String { "•••" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(reflecting: description) }
}
