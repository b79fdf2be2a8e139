/// A type whose JSON members are spelled once, for reading and for writing.
///
/// `init()` makes the value that reading starts from. `fields` visits every member in the order it is written; the
/// coder knows its direction. Unknown members are skipped when reading; a missing optional stays nil.
package protocol Message: Sendable {
    init()
    mutating func fields(_ c: inout Coder) throws(CodingFailure)
}
