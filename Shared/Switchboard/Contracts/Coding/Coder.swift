package struct Coder {}
package struct CodingFailure: Error {}
