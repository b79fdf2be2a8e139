#pragma once
#include <stddef.h>
#include <stdint.h>
// CRC-32C by the processor's own instruction, which Swift has no name for. `cchecksum_is_there` says whether this
// processor has it; without it `cchecksum_crc32c` must not be called.
#if defined(__x86_64__)
static inline int cchecksum_is_there(void) {
    uint32_t a = 1, b, c = 0, d;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (c >> 20) & 1; // SSE4.2
}
__attribute__((target("sse4.2")))
static inline uint32_t cchecksum_crc32c(uint32_t start, const unsigned char *bytes, size_t count) {
    uint64_t crc = start;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        __builtin_memcpy(&word, bytes, 8);
        crc = __builtin_ia32_crc32di(crc, word);
    }
    uint32_t rest = (uint32_t)crc;
    while (count--) rest = __builtin_ia32_crc32qi(rest, *bytes++);
    return rest;
}
#elif defined(__aarch64__)
#include <sys/auxv.h>
static inline int cchecksum_is_there(void) { return (getauxval(AT_HWCAP) >> 7) & 1; } // HWCAP_CRC32
__attribute__((target("crc")))
static inline uint32_t cchecksum_crc32c(uint32_t crc, const unsigned char *bytes, size_t count) {
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        __builtin_memcpy(&word, bytes, 8);
        crc = __builtin_arm_crc32cd(crc, word);
    }
    while (count--) crc = __builtin_arm_crc32cb(crc, *bytes++);
    return crc;
}
#else
static inline int cchecksum_is_there(void) { return 0; }
static inline uint32_t cchecksum_crc32c(uint32_t crc, const unsigned char *bytes, size_t count) { return crc; }
#endif
