import Switchboard
import Testing

struct KafkaPartitionHashTests {
    /// As Kafka's own clients hash them; a partition once chosen holds for the life of the data.
    @Test(
        arguments: [
            ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
            ("", 275_646_681),
        ] as [(String, Int32)])
    func `A key hashes as it always has`(key: String, hash: Int32) {
        #expect(Int32(bitPattern: PartitionHash.murmur2(Array(key.utf8))) == hash)
        #expect(PartitionHash.partition(of: key.utf8, count: 32) == hash & 31)
        #expect(PartitionHash.partition(of: key.utf8, count: 1) == 0)
    }

    @Test
    func `Keys spread evenly`() {
        var counts = [Int](repeating: 0, count: 32)
        for number in 0..<32_000 {
            counts[Int(PartitionHash.partition(of: Array("app/\(number)".utf8), count: 32))] += 1
        }
        #expect(counts.allSatisfy { (800...1200).contains($0) })
    }
}
