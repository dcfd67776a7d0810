/* Bits of a key for a hash table: the finaliser of SplitMix64 (Steele, Lea and Flood 2014). */
#ifndef PYHIER_MIXED_BITS_H
#define PYHIER_MIXED_BITS_H

#include <stdint.h>

static inline uint64_t mixed_bits(uint64_t h)
{
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9u;
    h = (h ^ (h >> 27)) * 0x94D049BB133111EBu;
    return h ^ (h >> 31);
}

#endif
