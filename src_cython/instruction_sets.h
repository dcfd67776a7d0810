/* What the vector loops share: the number of accumulators, and a build for each instruction set.
 *
 * The number of accumulators is fixed and there is no fused multiply-add, so every instruction set
 * gives the same bits.
 */
#ifndef PYHIER_INSTRUCTION_SETS_H
#define PYHIER_INSTRUCTION_SETS_H

#define LANES 8

/* ifunc resolvers need glibc on x86-64, and run before the address sanitizer is ready; elsewhere the
 * one build that the compiler was asked for. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define EACH_INSTRUCTION_SET __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define EACH_INSTRUCTION_SET
#endif

/* A loop over a function that is not inlined is no vector loop; compilers find long ones too long. */
#if defined(__GNUC__)
#define ALWAYS_INLINE __attribute__((always_inline))
#else
#define ALWAYS_INLINE
#endif

#endif
